"""The store of kept logs: what goes in is found again, within bounds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stores.clocks import NOON, ManualClock
from tabib.model.kept_log import KeptLine, LogPattern
from tabib.model.sample import Retention
from tabib.stores.logs import FILE_NAME, SqliteLogs
from tabib.stores.logs.blocks import SEAL_BYTES
from tabib.stores.logs.words import Search, words_of


@pytest.fixture
async def logs(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SqliteLogs]:
    opened = await SqliteLogs.open(tmp_path, clock, floor_bytes=0)
    yield opened
    await opened.close()


def line(text: str, at_ms: float = 0, container: str = "web", stream: str = "stdout") -> KeptLine:
    return KeptLine(
        engine_id="e",
        container_id=container,
        at=NOON + timedelta(milliseconds=at_ms),
        stream=stream,
        text=text,
    )


def many(count: int, container: str = "web", first: int = 0) -> list[KeptLine]:
    return [
        line(f"request {n} took {n % 7} ms {'x' * 40}", n, container)
        for n in range(first, first + count)
    ]


def texts(lines: list[KeptLine]) -> list[str]:
    return [one.text for one in lines]


async def test_tail_is_each_containers_newest_by_time(logs: SqliteLogs) -> None:
    web, db = many(3000), many(3000, "db")
    for start in range(0, 3000, 100):
        await logs.append([*web[start : start + 100], *db[start : start + 100]])
    assert await logs.tail("e", ["web"]) == web
    both = await logs.tail("e", ["web", "db"], limit=5)
    assert sorted(both, key=lambda one: one.container_id) == [*db[-5:], *web[-5:]]
    assert [one.at for one in both] == sorted(one.at for one in both)
    some = await logs.tail("e", ["db"], since=db[10].at, until=db[12].at)
    assert some == db[10:13]
    assert await logs.tail("e", ["db"], until=db[2000].at, limit=2) == db[1999:2001]
    assert await logs.tail("other", ["web"]) == []
    assert await logs.tail("e", ["web"], limit=0) == []


async def test_lines_come_out_as_they_went_in(logs: SqliteLogs) -> None:
    odd = [
        line(text, n) for n, text in enumerate(["", " ", "\0", "é\r", '"', "x" * 16384, "\u2028"])
    ]
    odd.append(line("noted", 99, stream="tabib"))
    odd.append(line("late", -5, stream="stderr"))
    await logs.append(odd)
    assert await logs.tail("e", ["web"]) == [odd[-1], *odd[:-1]]


async def test_search_finds_words_in_sealed_and_in_open_blocks(logs: SqliteLogs) -> None:
    await logs.append([line("Order 17 FAILED: connection_pool exhausted", -10), *many(4000)])
    await logs.append([line("order 18 failed", 9000, "db")])
    found = await logs.search("e", "order failed")
    assert [one.at for one in found] == [
        NOON - timedelta(milliseconds=10),
        NOON + timedelta(seconds=9),
    ]
    assert texts(await logs.search("e", '"failed connection"')) == [
        "Order 17 FAILED: connection_pool exhausted"
    ]
    assert texts(await logs.search("e", "connection_pool")) == texts(found[:1])
    assert await logs.search("e", '"pool connection"') == []
    assert await logs.search("e", "fail") == []
    assert len(await logs.search("e", "fail*")) == 2
    assert len(await logs.search("e", "order", containers=["db"])) == 1
    assert len(await logs.search("e", "order", since=NOON)) == 1
    assert texts(await logs.search("e", "request", limit=2)) == texts(many(2, first=3998))
    assert len(await logs.search("e", "3999")) == 1
    assert len(await logs.search("e", "", limit=7)) == 7
    assert len(await logs.search("e", "::")) == 0
    assert len(await logs.search("e", ":")) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.one_of(st.text(), st.text(alphabet='ab"*:()^-+{}AND OR NOT NEAR', max_size=60)))
async def test_any_text_is_a_search(logs: SqliteLogs, text: str) -> None:
    await logs.append([line(text.replace("\n", " "), 1, "odd")])
    await logs.search("e", text)
    words = " ".join(f'"{word}"' for word in words_of([text]))
    assert await logs.search("e", words, containers=["odd"], limit=1)


@given(st.text(), st.text())
def test_what_the_index_leaves_out_does_not_match(text: str, asked: str) -> None:
    listed = words_of([text])
    for search in (Search.of(asked), Search.of(text[1:-1]), Search.of(f'"{text}"')):
        if search.matches(text):
            assert search.may_match(text)
            for term in filter(None, search.query().split(" AND ")):
                word = term.rstrip("*").strip('"')
                assert any(one.startswith(word) for one in listed)


@pytest.mark.parametrize("text", ["a " * 5000, '"' * 999, "\ud800 x", "x" * 100_000, "a* b* *"])
async def test_extreme_searches(logs: SqliteLogs, text: str) -> None:
    await logs.append(many(2000))
    assert await logs.search("e", text) == []


async def test_a_container_keeps_its_end_only(logs: SqliteLogs) -> None:
    small = Retention(log_bytes_per_container=4 * SEAL_BYTES)
    await logs.prune(NOON, small)
    await logs.append(many(20, "db"))
    for start in range(0, 20_000, 500):
        await logs.append(many(500, first=start))
    kept = await logs.tail("e", ["web"])
    assert kept == many(20_000)[-len(kept) :]
    size = sum(len(one.text) + 32 for one in kept)
    assert 2 * SEAL_BYTES <= size <= 4 * SEAL_BYTES
    assert len(await logs.tail("e", ["db"])) == 20
    assert await logs.search("e", '"request 17 took"') == many(20, "db")[17:18]


async def test_all_together_keep_their_newest(logs: SqliteLogs, clock: ManualClock) -> None:
    for number in range(10):
        await logs.append(many(1000, f"c{number}", first=number * 1000))
    gone = await logs.prune(NOON, Retention(log_bytes=4 * SEAL_BYTES))
    assert gone > 0
    names = [f"c{number}" for number in range(10)]
    kept = await logs.tail("e", names)
    assert sum(len(one.text) + 32 for one in kept) <= 4 * SEAL_BYTES
    assert kept[-1].at == NOON + timedelta(milliseconds=9999)
    assert min(one.at for one in kept) > NOON + timedelta(milliseconds=4000)
    assert await logs.prune(NOON, Retention(log_bytes=4 * SEAL_BYTES)) == 0


async def test_what_cannot_be_compressed_is_bounded_on_the_disk_too(logs: SqliteLogs) -> None:
    import random

    chance = random.Random(1)
    limit = Retention(log_bytes=2 * 1024 * 1024)
    for n in range(60):
        await logs.append([line(chance.randbytes(100).hex(), n * 1000 + k) for k in range(400)])
        await logs.prune(NOON, limit)
    assert logs.status().bytes < limit.log_bytes + 9 * 1024 * 1024
    await logs.close()
    assert logs.status().bytes < 1.2 * limit.log_bytes


async def test_days(logs: SqliteLogs) -> None:
    await logs.append(many(10))
    await logs.append([line("new", 1000 * 86400 * 3)])
    await logs.put_patterns([pattern("old", 1)])
    await logs.prune(NOON + timedelta(days=3), Retention(log_days=1))
    assert texts(await logs.tail("e", ["web"])) == ["new"]
    assert await logs.patterns("e") == []
    await logs.prune(NOON + timedelta(days=9), Retention(log_days=1))
    assert await logs.last("e") == {}
    assert logs.status().oldest is None


async def test_last_is_the_newest_line_of_the_container_itself(logs: SqliteLogs) -> None:
    await logs.append([line("a", 5), line("b", 3), line("note", 99, stream="tabib")])
    await logs.append([line("note", 99, "other", stream="tabib")])
    assert await logs.last("e") == {"web": NOON + timedelta(milliseconds=5)}
    assert await logs.last("x") == {}


def pattern(template: str, count: int, at_s: float = 0, container: str = "web") -> LogPattern:
    at = NOON + timedelta(seconds=at_s)
    return LogPattern(
        engine_id="e",
        container_id=container,
        template=template,
        level="error",
        example=f"{template}!",
        count=count,
        first_at=at,
        last_at=at,
    )


async def test_patterns_add_up(logs: SqliteLogs) -> None:
    await logs.put_patterns([pattern("a", 2), pattern("b", 5)])
    await logs.put_patterns([pattern("a", 4, 60), pattern("a", 1, 5, "db")])
    first, second, third = await logs.patterns("e")
    assert (first.template, first.count) == ("a", 6)
    assert (first.first_at, first.last_at) == (NOON, NOON + timedelta(seconds=60))
    assert (second.template, second.count, third.container_id) == ("b", 5, "db")
    assert await logs.patterns("e", ["db"]) == [third]
    assert len(await logs.patterns("e", since=NOON + timedelta(seconds=10))) == 1
    assert len(await logs.patterns("e", limit=2)) == 2


async def test_it_is_there_again_after_opening(tmp_path: Path, clock: ManualClock) -> None:
    logs = await SqliteLogs.open(tmp_path, clock, floor_bytes=0)
    await logs.append(many(3000))
    await logs.close()
    again = await SqliteLogs.open(tmp_path, clock, floor_bytes=0)
    assert await again.tail("e", ["web"]) == many(3000)
    assert (again.status().oldest or NOON) > NOON
    await again.close()
    base = apsw.Connection(str(tmp_path / FILE_NAME))
    assert base.pragma("integrity_check") == "ok"
    base.execute("INSERT INTO words (words) VALUES ('integrity-check')")
    base.close()
