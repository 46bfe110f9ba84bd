"""The recorder's routes, on real stores filled by hand: what is gone is found as what lives."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from api.conftest import Api, api
from support.projects import project, service
from support.shelf import container, record, values
from support.site import House
from support.story import story
from tabib.model.event import Event
from tabib.model.kept_log import KeptLine, LogPattern
from tabib.model.process import Look
from tabib.model.sample import Subject

GONE = "d00d" * 16
S = timedelta(seconds=1)
TALE = project(service("web"), service("db"))


def node(engine: str) -> Subject:
    return Subject(kind="node", id="host-1", engine_id=engine, name="host-1")


async def lived(api: Api) -> datetime:
    """A container that is gone was read for a minute, ten seconds apart; when it was read last."""
    begun = api.daemon.clock.now()
    who = container(api.engine, GONE, "old")
    for tick in range(7):
        await api.shelf.read(
            begun + tick * 10 * S,
            (who, values("container", cpu_us=tick * 5_000_000, memory_bytes=1000 + tick,
                         memory_working_set_bytes=900, state=1, health=2,
                         network_received_bytes=tick * 100)),
            (node(api.engine), values("node", cpu_us=tick * 8_000_000, cpus=4,
                                      memory_total_bytes=9000, memory_available_bytes=3000)),
        )  # fmt: skip
    await api.daemon.passes(61)
    return begun + 60 * S


def iso(at: datetime) -> str:
    return at.isoformat()


@story
async def test_top_tells_rates_of_what_runs(house: House) -> None:
    async with api(house) as here:
        await here.daemon.up(TALE)
        web = (await here.daemon.tools.engine.look("tale-web-1")).id
        who, at = container(here.engine, web), here.daemon.clock.now()
        reset = container(here.engine, "e" * 64, "db")
        for tick, cpu in enumerate((1_000_000, 2_500_000)):
            await here.shelf.read(
                at + tick * 2 * S,
                (who, values("container", cpu_us=cpu, cpu_periods=tick * 20, state=1,
                             cpu_throttled_periods=tick * 5, memory_working_set_bytes=300,
                             memory_limit_bytes=1200, log_bytes=tick * 50)),
                (reset, values("container", cpu_us=9_000_000 - cpu, memory_working_set_bytes=90)),
                (node(here.engine), values("node", cpus=2, memory_total_bytes=9000,
                                           memory_available_bytes=3000, load_1m_hundredths=150)),
            )  # fmt: skip
        (tick,) = (await here.get("/v1/top", project="tale")).rows
        rows = {row["service"]: row for row in tick["containers"]}
        assert tick["type"] == "tick"
        assert tick["node"]["memory_used_bytes"] == 6000
        assert tick["node"]["load_1m"] == 1.5
        assert rows["web"]["cpu_cores"] == 0.75
        assert rows["web"]["cpu_throttled"] == 0.25
        assert rows["web"]["memory_share"] == 0.25
        assert rows["web"]["log_bytes_per_second"] == 25
        assert (rows["web"]["state"], rows["web"]["health"]) == ("running", "")
        # Its counter fell: no rate, never a negative one. Without a limit: of the node's memory.
        assert rows["db"]["cpu_cores"] is None
        assert rows["db"]["memory_share"] == 0.01
        assert rows["db"]["cpu_throttled"] is None
        (one,) = (await here.get("/v1/top", target="tale/web")).rows
        assert [row["id"] for row in one["containers"]] == [web]
        assert (await here.get("/v1/top", project="other")).rows[0]["containers"] == []


@story
async def test_top_goes_on_with_each_tick_and_ends_with_its_reader(house: House) -> None:
    from support.asgi import following

    async with api(house) as here:
        at = here.daemon.clock.now()
        await here.shelf.read(at, (node(here.engine), values("node", cpu_us=0, cpus=1)))
        async with following(here.app, "/v1/top", follow=1) as rows:
            assert (await rows.get())["node"]["cpu_cores"] is None
            await here.shelf.read(
                at + S, (node(here.engine), values("node", cpu_us=500_000, cpus=1))
            )
            assert (await rows.get())["node"]["cpu_cores"] == 0.5
            assert len(here.shelf.watchers.queues) == 1
        await asyncio.sleep(0)
        assert here.shelf.watchers.queues == []


@story
async def test_processes_of_now_are_told_between_two_looks(house: House) -> None:
    async with api(house) as here:
        await here.daemon.up(TALE)
        web = (await here.daemon.tools.engine.look("tale-web-1")).id
        look = Look(
            pid=7,
            ppid=1,
            start_ns=5,
            name="sh",
            command=("sh", "--password", "hunter2"),
            uid=0,
            container_id=web,
        )
        here.shelf.seen = [
            [replace(look, cpu_us=100_000)],
            [replace(look, cpu_us=350_000), replace(look, pid=8, cpu_us=50_000)],
        ]
        rows = (await here.get("/v1/top/processes", container=web)).json
        assert [(row["pid"], row["cpu_cores"]) for row in rows] == [(7, 0.5), (8, 0.1)]
        assert "hunter2" not in rows[0]["command"]
        # Out of reach of /proc: the records tell what they know.
        here.shelf.processes = [record(here.engine, web, 9, here.daemon.clock.now())]
        rows = (await here.get("/v1/top/processes", container=web[:12])).json
        assert [(row["pid"], row["cpu_cores"]) for row in rows] == [(9, None)]
        assert (await here.get("/v1/top/processes")).error["kind"] == "usage"
        assert (await here.get("/v1/top/processes", container="ab" * 32)).status == 404


@story
async def test_history_of_what_is_gone(house: House) -> None:
    async with api(house) as here:
        last = await lived(here)
        answer = (await here.get("/v1/history", target=GONE[:6], metric="cpu", points=20,
                                 since=iso(last - 60 * S), until=iso(last + S))).json  # fmt: skip
        assert answer["target"]["kind"] == "container"
        assert [one["name"] for one in answer["target"]["subjects"]] == ["tale-old-1"]
        (chart,) = answer["charts"]
        means = [point["mean"] for point in chart["points"] if point["mean"] is not None]
        assert chart["metric"] == "cpu_us"
        assert means
        assert all(abs(mean - 500_000) < 1 for mean in means)
        usual = (await here.get("/v1/history", project="tale")).json
        assert {one["metric"] for one in usual["charts"]} >= {"cpu_us", "memory_working_set_bytes"}
        machine = (await here.get("/v1/history", target="node", metric="load")).json
        assert machine["target"]["kind"] == "node"
        wrong = (await here.get("/v1/history", target="node", metric="memroy")).error
        assert "memory" in wrong["advice"]


@story
async def test_single_readings(house: House) -> None:
    async with api(house) as here:
        last = await lived(here)
        answer = (await here.get("/v1/history", target="tale-old-1", raw=1, metric="memory_bytes",
                                 since=iso(last - 15 * S))).json  # fmt: skip
        (found,) = answer["readings"]
        assert [one["values"] for one in found["readings"]] == [
            {"memory_bytes": 1005}, {"memory_bytes": 1006}]  # fmt: skip


@story
async def test_processes_by_the_contract(house: House) -> None:
    async with api(house) as here:
        last = await lived(here)
        early = record(here.engine, GONE, 7, last - 30 * S, ended_at=last - 20 * S, exit_code=0)
        late = record(here.engine, GONE, 8, last - 10 * S, ended_at=last, signal=9,
                      killed_by="oom", command_complete=False)  # fmt: skip
        await here.shelf.series.put_processes([early, late])
        here.shelf.processes = [record(here.engine, GONE, 9, last - 5 * S)]
        rows = (await here.get("/v1/processes", target="tale-old-1")).json
        assert [row["pid"] for row in rows] == [7, 8, 9]
        assert list(rows[0])[:4] == ["pid", "ppid", "container", "command"]
        assert {row["container"] for row in rows} == {"tale-old-1"}
        assert (rows[1]["killed_by"], rows[1]["command_complete"]) == ("oom", False)
        assert rows[2]["ended_at"] is None
        when = {"since": iso(last - 15 * S), "until": iso(last - 8 * S)}
        rows = (await here.get("/v1/processes", project="tale", **when)).json
        assert [row["pid"] for row in rows] == [8]
        rows = (await here.get("/v1/processes", target="tale-old-1", limit=1)).json
        assert [row["pid"] for row in rows] == [9]


@story
async def test_events_are_kept_and_followed(house: House) -> None:
    from support.asgi import following

    async with api(house) as here:
        await lived(here)
        at = here.daemon.clock.now() - 30 * S
        attributes = {"com.docker.compose.project": "tale", "com.docker.compose.service": "old",
                      "exitCode": "3", "maintainer": "me"}  # fmt: skip
        died = Event(at=at, time_ns=int(at.timestamp() * 1e9), kind="container", action="die",
                     id=GONE, name="tale-old-1", attributes=attributes)  # fmt: skip
        await here.shelf.series.put_events(here.engine, [died])
        (row,) = (await here.get("/v1/events", target=GONE[:8])).rows
        assert (row["action"], row["service"]) == ("die", "old")
        assert row["attributes"] == {"exitCode": "3"}
        async with following(here.app, "/v1/events", project="tale", follow=1) as rows:
            assert (await rows.get())["id"] == GONE
            await here.daemon.up(TALE)
            actions = [(await rows.get())["action"] for _ in range(2)]
            assert "create" in actions


@story
async def test_kept_lines_and_patterns(house: House) -> None:
    async with api(house) as here:
        last = await lived(here)
        lines = [
            KeptLine(engine_id=here.engine, container_id=GONE, at=last + n * S, stream="stderr",
                     text=f"request {n} timed out")
            for n in range(3)
        ]  # fmt: skip
        await here.shelf.logs.append(lines)
        rows = (await here.get("/v1/kept-logs", target="tale/old", limit=2)).rows
        assert [row["text"] for row in rows] == ["request 1 timed out", "request 2 timed out"]
        assert (rows[0]["container"], rows[0]["service"], rows[0]["gone"]) == (
            "tale-old-1", "old", True)  # fmt: skip
        assert (await here.get("/v1/kept-logs", target="tale/old", limit=0)).rows == []
        found = (await here.get("/v1/kept-logs", project="tale", search="timed 1")).rows
        assert [row["text"] for row in found] == ["request 1 timed out"]
        pattern = LogPattern(engine_id=here.engine, container_id=GONE, template="request <n> …",
                             level="error", example="request 1", count=3, first_at=last,
                             last_at=last + S)  # fmt: skip
        await here.shelf.logs.put_patterns([pattern])
        (one,) = (await here.get("/v1/log-patterns", target="tale-old-1")).json
        assert (one["count"], one["container"]) == (3, "tale-old-1")


@story
async def test_what_ran_then(house: House) -> None:
    async with api(house) as here:
        last = await lived(here)
        await here.shelf.series.put_processes([record(here.engine, GONE, 7, last - 30 * S)])
        setup = {"Config": {"Image": "busybox:1.36"}}
        await here.shelf.series.put_inspection(here.engine, GONE, last - 60 * S, setup)
        await here.daemon.up(TALE)
        then = (await here.get("/v1/inspect", target="tale-old-1", at=iso(last - 5 * S))).json
        (row,) = then["containers"]
        assert (row["state"], row["health"], row["exists"]) == ("running", "healthy", False)
        assert row["cpu_cores"] == 0.5
        assert [one["pid"] for one in row["processes_then"]] == [7]
        assert then["node"]["cpu_cores"] == 0.8
        assert then["inspection"] == setup
        now = (await here.get("/v1/inspect", project="tale")).json
        assert {one["name"] for one in now["containers"]} == {"tale-web-1", "tale-db-1"}
        assert now["inspection"] is None
        later = (await here.get("/v1/inspect", at=iso(last + 600 * S))).json
        assert later["containers"] == []


@story
async def test_what_lives_wins_and_what_is_ambiguous_is_listed(house: House) -> None:
    async with api(house) as here:
        await lived(here)
        await here.daemon.up(TALE)
        unknown = await here.get("/v1/history", target="tale-wbe-1")
        assert unknown.status == 404
        assert "tale-web-1" in unknown.error["advice"]
        ids = [one.id for one in (await here.daemon.tools.engine.observe("tale")).containers]
        shared = "".join(a for a, b in zip(*ids, strict=True) if a == b)[:4]
        assert (await here.get("/v1/inspect", target="tale")).json["target"]["kind"] == "project"
        assert (await here.get("/v1/inspect", target=ids[0][:12])).json["containers"][0][
            "id"
        ] in ids
        assert len(shared) <= 64
        wrong = await here.get("/v1/events", since="yesterday")
        assert wrong.error["kind"] == "usage"
        backwards = {"since": iso(here.daemon.clock.now()), "until": iso(here.daemon.clock.now())}
        assert (await here.get("/v1/processes", **backwards)).error["kind"] == "usage"
        assert (await here.get("/v1/processes", limit="many")).error["kind"] == "usage"


@story
async def test_a_daemon_that_does_not_record_says_so(house: House) -> None:
    async with api(house) as here:
        here.daemon.tools.monitor = None
        error = (await here.get("/v1/history")).error
        assert error["details"]["code"] == "no_recorder"
