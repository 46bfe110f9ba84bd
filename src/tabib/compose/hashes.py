"""Compose's configuration hashes: SHA-256 over the compact JSON of what it would create.

Source: docker/compose ``pkg/compose/hash.go``. Equal hashes let containers, networks and volumes
go back and forth between Compose and tabib without being recreated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.compose.gotext import dumps

_NOT_HASHED = ("build", "pull_policy", "scale", "depends_on", "profiles")


def _sha256(value: Any) -> str:
    import hashlib  # 4 ms: who only checks or prints a file hashes nothing

    return hashlib.sha256(dumps(value).encode()).hexdigest()


def service_hash(spec: Mapping[str, Any]) -> str:
    """The hash of a canonical service, keys in Compose's order."""
    hashed = {key: value for key, value in spec.items() if key not in _NOT_HASHED}
    if isinstance(hashed.get("deploy"), dict):
        hashed["deploy"] = {k: v for k, v in hashed["deploy"].items() if k != "replicas"}
    return _sha256(hashed)


def network_hash(spec: Mapping[str, Any]) -> str:
    return _sha256(dict(spec))


def volume_hash(spec: Mapping[str, Any]) -> str:
    driver = spec.get("driver", "local")
    rest = {key: value for key, value in spec.items() if key not in ("name", "driver")}
    name = {"name": spec["name"]} if "name" in spec else {}
    return _sha256({**name, "driver": driver, **rest})
