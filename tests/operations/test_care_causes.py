"""An incident names the service that its trouble comes from, by what the recorder has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from support.patients import look
from support.projects import after, project, service
from support.shelf import Shelf, container, values
from support.site import Daemon, House
from support.story import story
from tabib.engines.memory import Program
from tabib.engines.memory.records import ContainerRecord
from tabib.model.container import ExecResult
from tabib.model.errors import StateUnusable
from tabib.model.incident import Incident
from tabib.stores.logs.store import SqliteLogs
from tabib.stores.series.store import SqliteSeries

DB = service("db")
SHOP = project(
    DB, service("web", depends_on=after("db")), service("worker", depends_on=after("db"))
)
REFUSED = "psycopg2.OperationalError: FATAL:  sorry, too many clients already"
DIES_S = 700.0
DIES = Program(exit_code=1, after_s=DIES_S, log=[(DIES_S - 1, "stderr", REFUSED)])
STEP_S = 10.0


@asynccontextmanager
async def recording(house: House, daemon: Daemon) -> AsyncIterator[Shelf]:
    with house.clock.hold():
        series = await SqliteSeries.open(house.folder, floor_bytes=0, reserve_bytes=0)
        logs = await SqliteLogs.open(house.folder, house.clock, floor_bytes=0)
    shelf = Shelf(house.clock.holding(series), house.clock.holding(logs))
    daemon.tools.monitor = shelf
    try:
        yield shelf
    finally:
        with house.clock.hold():
            await series.close()
            await logs.close()


async def record(daemon: Daemon, shelf: Shelf, leaker: str) -> None:
    """What was read of the three until a minute before web dies: ``leaker`` holds more and more."""
    engine = daemon.tools.info.id
    subjects = {}
    for name in ("db", "web", "worker"):
        found = await look(daemon, f"tale-{name}-1")
        subjects[name] = container(engine, found.id, name)
    begun = daemon.tools.clock.now()
    for number in range(int(DIES_S / STEP_S) - 1):
        held = max(0, number - 30) * 3
        files = {"db": 40, "web": 20, "worker": 20}
        files[leaker] += held
        files["db"] += held
        readings = [
            (
                subjects[name],
                values(
                    "container",
                    cpu_us=number * 1_000_000,
                    memory_working_set_bytes=60_000_000 + number % 3 * 1000 + files[name] * 10_000,
                    open_files=files[name] + number % 2,
                    threads=8,
                ),
            )
            for name in subjects
        ]
        await shelf.read(begun + timedelta(seconds=STEP_S * number), *readings)


async def incident_of_web(daemon: Daemon) -> Incident:
    found = [one for one in await daemon.incidents() if one.service == "web"]
    assert len(found) == 1
    return found[0]


@story
async def test_what_db_refuses_web_because_worker_leaks_is_put_down_to_worker(house: House) -> None:
    house.world.programs.set(DIES, Program(), service="web")
    async with house.daemon() as daemon, recording(house, daemon) as shelf:
        await daemon.up(SHOP)
        await record(daemon, shelf, "worker")
        await daemon.passes(DIES_S + 60)
        incident = await incident_of_web(daemon)
        assert incident.cause.code == "database.too-many-connections"
        assert incident.cause.service == "worker", incident.causes
        assert "it comes from worker: open files of worker rose" in incident.cause.summary
        cited = next(one for one in incident.findings if one.code == incident.cause.code)
        assert any(one.text.startswith("open files of worker") for one in cited.evidence)
        assert incident.outcome in ("recovered", "needs_human", "open")


@story
async def test_what_web_leaks_itself_is_its_own(house: House) -> None:
    house.world.programs.set(DIES, Program(), service="web")
    async with house.daemon() as daemon, recording(house, daemon) as shelf:
        await daemon.up(SHOP)
        await record(daemon, shelf, "web")
        await daemon.passes(DIES_S + 60)
        incident = await incident_of_web(daemon)
        assert incident.cause.service != "worker"


@story
async def test_without_a_recorder_who_is_complained_of_is_named(house: House) -> None:
    house.world.programs.set(DIES, Program(), service="web")
    async with house.daemon() as daemon:
        assert daemon.tools.monitor is None
        await daemon.up(SHOP)
        await daemon.passes(DIES_S + 60)
        incident = await incident_of_web(daemon)
        assert incident.cause.code == "database.too-many-connections"
        assert incident.cause.service == "db"


@story
async def test_a_recorder_that_cannot_be_read_does_not_hold_up_the_diagnosis(house: House) -> None:
    class Broken:
        async def known(self, engine_id: str | None = None) -> list[object]:
            raise StateUnusable("it cannot be read", attempted="read", target="series")

    house.world.programs.set(DIES, Program(), service="web")
    async with house.daemon() as daemon, recording(house, daemon) as shelf:
        await daemon.up(SHOP)
        shelf.series = Broken()  # type: ignore[assignment]
        await daemon.passes(DIES_S + 60)
        incident = await incident_of_web(daemon)
        assert incident.cause.code == "database.too-many-connections"
        assert incident.closed_at is not None


@story
async def test_what_was_healed_long_before_explains_nothing(house: House) -> None:
    own = Program(exit_code=1, after_s=300.0, log=[(299.0, "stderr", "KeyError: 'API_KEY'")])
    house.world.programs.set(own, Program(), service="web")
    house.world.programs.set(Program(exit_code=3, after_s=20.0), Program(), service="db")
    async with house.daemon() as daemon:
        await daemon.up(SHOP)
        await daemon.passes(400)
        healed = [one for one in await daemon.incidents() if one.service == "db"]
        assert [one.outcome for one in healed] == ["recovered"]
        incident = await incident_of_web(daemon)
        assert incident.cause.service in ("", "web"), incident.cause


@story
async def test_who_holds_all_connections_is_restarted_and_web_is_not(house: House) -> None:
    shop = project(
        DB,
        service("web", depends_on=after("db"), check=True),
        service("worker", depends_on=after("db")),
    )
    freed = []

    def answer(record: ContainerRecord, command: Sequence[str], user: str) -> ExecResult | None:
        """web's health check: refused from a time on, until worker is another run."""
        running = house.world.container("tale-worker-1").started_at
        freed[:] = freed or [running]
        full = daemon_at[0] + timedelta(seconds=DIES_S) < house.clock.now()
        refused = full and running == freed[0]
        said = (REFUSED if refused else "ok").encode()
        return ExecResult(exit_code=int(refused), stdout=said, stderr=b"")

    house.world.programs.set(Program(exec=answer), service="web")
    async with house.daemon() as daemon, recording(house, daemon) as shelf:
        daemon_at = [house.clock.now()]
        await daemon.up(shop)
        await record(daemon, shelf, "worker")
        before = {name: await look(daemon, f"tale-{name}-1") for name in ("web", "db")}
        await daemon.passes(DIES_S + 90)
        incident = await incident_of_web(daemon)
        assert incident.cause.code == "database.too-many-connections"
        assert incident.cause.service == "worker"
        done = [(one.action, one.before, one.outcome) for one in incident.treatments]
        assert done == [("restart", {"service": "worker"}, "verified")]
        assert incident.outcome == "recovered"
        for name, old in before.items():
            assert (await look(daemon, f"tale-{name}-1")).started_at == old.started_at
