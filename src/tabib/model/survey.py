"""All that an engine tells of itself at once: what a checkup starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tabib.model.container import ImageState, VolumeState


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """One look at everything on an engine, inspections raw (they may hold secret values)."""

    memory_bytes: int = 0
    """Memory of the engine's machine; 0 where it does not tell."""
    clock_offset_s: float = 0.0
    """How far the engine's clock is ahead of ours."""
    security_options: tuple[str, ...] = ()
    """As the engine lists them: ``name=userns``, ``name=rootless``, …"""
    inspections: tuple[Mapping[str, Any], ...] = ()
    images: tuple[ImageState, ...] = ()
    volumes: tuple[VolumeState, ...] = ()
    volume_bytes: Mapping[str, int] = field(default_factory=dict)
    """Volume → size, where the engine told in time."""
    build_cache_bytes: int | None = None
    """What of the build cache nobody uses; None where the engine did not tell in time."""
