"""The quick part of the ward, on the real engine; ``make ward`` runs all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ward.harness import ward
from ward.scenario import scenarios


def test_the_scenarios_are_enough() -> None:
    every = scenarios()
    assert len(every) >= 70
    assert sum(one.across for one in every) >= 15
    assert sum(one.expect.healthy for one in every) >= 15


@pytest.mark.engine
@pytest.mark.slow
def test_the_quick_part_goes_as_expected(tmp_path: Path) -> None:
    chosen = [one for one in scenarios() if one.quick]
    with ward(tmp_path / "w") as made:
        results = made.run(chosen, jobs=8)
    wrong = [f"{one.name}: {one.trouble or one.told}" for one in results if not one.right]
    assert not wrong, "\n".join(wrong)
