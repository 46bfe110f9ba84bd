"""One damage for each database, on the real engine; ``make damage`` does all of them."""

from __future__ import annotations

from collections import Counter

import pytest

from damage.databases import DATABASES
from damage.harness import ground
from damage.scenarios import scenarios


def test_every_database_is_damaged_in_every_way() -> None:
    every = scenarios()
    assert len({one.name for one in every}) == len(every)
    ways = Counter(one.database.name for one in every if one.backup and one.care == "act")
    assert set(ways) == set(DATABASES)
    assert min(ways.values()) >= 7
    for name in DATABASES:
        mine = [one for one in every if one.database.name == name]
        assert any(not one.backup and one.end == "told" for one in mine)
        assert any(one.care == "advise" and one.end == "one command" for one in mine)


@pytest.mark.engine
@pytest.mark.slow
def test_the_quick_part_goes_as_expected() -> None:
    chosen = [one for one in scenarios() if one.quick]
    assert {one.database.name for one in chosen} == set(DATABASES)
    with ground(one.database.image for one in chosen) as made:
        made.drills = False
        wrong = [
            f"{one.name}: {one.wrong} {one.told}" for one in made.run(chosen, jobs=4) if one.wrong
        ]
    assert not wrong, "\n".join(wrong)
