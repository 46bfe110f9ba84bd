"""What builders say of a failure, in words: BuildKit of Engine 20.10 and 28.5, tried each."""

from __future__ import annotations

import pytest

from tabib.engines.docker.build_errors import Told, build_failed
from tabib.model.build import BuildSpec
from tabib.model.errors import BuildFailed, ImageUnavailable

TEXT = "FROM busybox:1.36 AS one\nCOPY zzz /z\nFROM debian:bookworm-slim\nCOPY --from=one /y /\n"
SPEC = BuildSpec(tags=("a:1",), text=TEXT, instance="mine")
CHECKSUM = "failed to compute cache key: failed to calculate checksum of ref k2::irw: "

CASES = [
    ("COPY zzz /z", f'{CHECKSUM}"/zzz": not found', "/zzz is not in the build", 2, "not in"),
    ("COPY zzz /z", '"/zzz" not found: not found', "/zzz is not in the build", 2, "not in"),
    ("COPY --from=one /y /", f'{CHECKSUM}"/y": not found', "in what it copies from", 4, "stage"),
    ("", 'failed to build: failed to solve: target stage "x" could not be found', "target stage",
     None, "AS NAME"),
    ("", 'no builder "mine" found', 'no builder "mine"', None, "--name mine"),
    ("", "failed to build: Multi-platform build is not supported for the docker driver.",
     "Multi-platform", None, "--builder NAME"),
    ("COPY zzz /z", "exec format error", "exec format", 2, "binfmt"),
]  # fmt: skip


@pytest.mark.parametrize(("instruction", "said", "happened", "line", "advice"), CASES)
def test_a_failure_is_told_with_its_place_and_its_remedy(
    instruction: str, said: str, happened: str, line: int | None, advice: str
) -> None:
    told = Told()
    told.begin(instruction)
    error = build_failed(SPEC, said, told)
    assert isinstance(error, BuildFailed)
    assert happened in error.happened
    assert "failed to" not in error.happened
    assert error.details["line"] == line
    assert advice in error.advice


def test_a_base_image_that_buildkit_cannot_find_is_named_with_its_line() -> None:
    said = (
        "failed to solve: debian:bookworm-slim: failed to resolve source metadata for "
        "docker.io/library/debian:bookworm-slim: failed to do request: connection refused"
    )
    error = build_failed(SPEC, said, Told())
    assert isinstance(error, ImageUnavailable)
    assert "Dockerfile:3" in error.happened
