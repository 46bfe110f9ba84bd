"""Generated projects, each given to Docker Compose and to tabib: the same answer, or the same no.

``TABIB_EXAMPLES`` sets how many; what a longer run finds is kept under ``cases/``.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from compose.generated import Drawn, projects
from compose.harness import HOME, Files, request
from support import compose_oracle
from tabib.compose import load, render
from tabib.model.errors import ConfigError

pytestmark = [pytest.mark.oracle, pytest.mark.slow]
_EXAMPLES = int(os.environ.get("TABIB_EXAMPLES", "120"))
_CRASHED = 2
"""Compose's exit code where its own program panics; then there is no answer to compare with."""


def ours(drawn: Drawn, cwd: Path) -> tuple[int, str]:
    """As Compose answers: 0 and the JSON, or 1."""
    environment = {"HOME": HOME, **drawn.environment}
    try:
        return 0, render.as_json(load(request(drawn.args, cwd, environment), Files()))
    except ConfigError as error:
        return int(bool(error.details["problems"])), str(error)


@settings(
    max_examples=_EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)
@given(projects())
def test_answers_what_compose_answers(drawn: Drawn) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cwd = Path(folder) / "project"
        for name, text in drawn.files.items():
            (cwd / name).parent.mkdir(parents=True, exist_ok=True)
            (cwd / name).write_text(text, "utf-8")
        answer = compose_oracle.ask(
            [*drawn.args, "config", "--format", "json"],
            cwd=cwd,
            env={"HOME": HOME, **drawn.environment},
        )
        if answer.code == _CRASHED:
            return
        code, text = ours(drawn, cwd)
        assert (code != 0) == (answer.code != 0), f"Compose: {answer.err}\ntabib: {text}"
        if not code:
            assert text == answer.out
