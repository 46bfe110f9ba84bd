"""The real engine that tests may use, its images, and names that clash with nobody's."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from functools import lru_cache
from pathlib import Path

from tabib.client.endpoint import resolve_endpoint
from tabib.model.errors import NotFound
from tabib.model.plan import Step, Verb
from tabib.model.wire import EndpointAddress
from tabib.ports import Engine

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "busybox:1.36"
_SETUP_LIMIT_S = 600


def address() -> EndpointAddress:
    """What DOCKER_HOST, the context or the default socket says."""
    return resolve_endpoint(os.environ)


@lru_cache
def ensure_images(*names: str) -> None:
    """Have these images on the engine, as ``make test`` does. Raises with what set-up said."""
    steps = ["engine", *(f"images={name}" for name in names)]
    done = subprocess.run(
        [sys.executable, "-m", "setup", *steps],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_SETUP_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, f"set-up of {names} failed:\n{done.stdout}{done.stderr}"


def unique_prefix(kind: str = "tbt") -> str:
    """A project name that no other test run uses."""
    return f"{kind}{uuid.uuid4().hex[:8]}"


def step(verb: Verb, target: str = "", **fields: object) -> Step:
    """A step as a plan would have it."""
    return Step(id="s", verb=verb, subject=target, reason="test", target=target, **fields)  # type: ignore[arg-type]


async def clear(engine: Engine, prefix: str) -> None:
    """Remove every container, network, volume and image tag whose name begins with ``prefix``,
    and the anonymous volumes of those containers."""
    assert len(prefix) >= 8, "too short to be safe"
    seen = await engine.observe(detail=False)
    for verb, names in (
        (Verb.REMOVE_CONTAINER, [c.name for c in seen.containers]),
        (Verb.REMOVE_NETWORK, [n.name for n in seen.networks]),
        (Verb.REMOVE_VOLUME, [v.name for v in seen.volumes]),
    ):
        for name in names:
            if name.startswith(prefix):
                try:
                    await engine.apply(step(verb, name, options={"force": True, "volumes": True}))
                except NotFound:
                    pass
