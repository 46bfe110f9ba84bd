"""Case files: what is gathered, what is noted as absent, what the engine overwrote."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.decide.replay import recording

from tabib.decide.casefile import CaseParts, build, event_line, redacted
from tabib.decide.specdiff import MAX_LINES, differences
from tabib.decide.verdict import Kind, Verdict
from tabib.model.codec import decode, encode
from tabib.model.event import Event
from tabib.model.incident import Case
from tabib.model.release import LastSeen

EVENTS = recording("crash")
DEATH = EVENTS[-1]
NOW = DEATH.at + timedelta(seconds=0.2)
VERDICT = Verdict(
    kind=Kind.FAILED,
    reason="",
    container_id=DEATH.id,
    container="shop-api-1",
    service="api",
    slot=1,
    trigger="died",
    exit_code=3,
)


def inspection(**state: Any) -> dict[str, Any]:
    return {
        "Id": DEATH.id,
        "GraphDriver": {"Name": "overlay2"},
        "RestartCount": 2,
        "State": {"Status": "exited", "Running": False, "ExitCode": 3} | state,
        "Config": {"Image": "shop/api:1", "Env": ["DB_PASSWORD=hunter2", "PATH=/bin"]},
        "HostConfig": {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}},
    }


SEEN = LastSeen(
    engine_id="e",
    project="shop",
    container_id=DEATH.id,
    name="shop-api-1",
    service="api",
    slot=1,
    seen_at=NOW - timedelta(minutes=1),
    running=True,
    inspection=inspection(Status="running", Running=True, OOMKilled=False),
    log_tail=("as kept",),
)
PARTS = CaseParts(
    id="case-1",
    sealed_at=NOW,
    engine_id="e",
    cluster="default",
    project="shop",
    verdict=VERDICT,
    event=DEATH,
    inspection=inspection(),
    last_seen=SEEN,
    events=EVENTS,
    log_tail=["boom"],
    good_spec={"image": "shop/api:1"},
    present_spec={"image": "shop/api:2"},
)


def test_a_whole_case() -> None:
    made = build(PARTS)
    assert (made.exit_code, made.status, made.restarts) == (3, "exited", 2)
    assert (made.restart_policy, made.image) == ("on-failure:3", "shop/api:1")
    assert made.finished_at == DEATH.at
    assert made.log_tail == ("boom",)
    assert made.config_changes == ("image was changed from shop/api:1 to shop/api:2",)
    assert made.events[-1].endswith("container tabibrec-api-1 die exitCode=3")
    assert (made.absent, made.overwritten) == ((), False)


def test_a_case_survives_the_journal_and_building_is_deterministic() -> None:
    made = build(PARTS)
    assert decode(encode(made), Case) == made
    assert build(replace(PARTS, events=[*reversed(EVENTS), *EVENTS])) == made


def test_environment_values_never_enter() -> None:
    made = build(PARTS)
    assert "hunter2" not in encode(made).decode()
    assert made.inspection["Config"]["Env"] == ["DB_PASSWORD=…", "PATH=…"]
    assert "GraphDriver" not in made.inspection


def test_the_engines_restart_overwrites_and_is_marked() -> None:
    later = (DEATH.at + timedelta(seconds=0.3)).astimezone(UTC)
    running = inspection(
        Status="running",
        Running=True,
        ExitCode=0,
        OOMKilled=True,
        StartedAt=later.strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z",
    )
    made = build(replace(PARTS, inspection=running))
    assert made.overwritten
    assert made.exit_code == 3, "from the event, not from the new run"
    assert not made.oom_killed, "the new run's state says nothing about the death"
    assert made.finished_at == DEATH.at
    assert any("restarted it first" in line for line in made.absent)


def test_a_container_that_is_gone_is_shown_as_last_seen() -> None:
    gone = replace(
        PARTS, inspection=None, log_tail=None, verdict=replace(VERDICT, trigger="removed")
    )
    made = build(gone)
    assert (made.status, made.log_tail) == ("removed", ("as kept",))
    assert made.inspection["RestartCount"] == 2
    assert any("as last seen" in line for line in made.absent)


def test_what_could_not_be_had_is_written_down() -> None:
    bare = replace(
        PARTS,
        inspection=None,
        last_seen=None,
        log_tail=None,
        event=None,
        events=(),
        good_spec=None,
        absent=("health log: the engine did not answer within 2 s",),
    )
    made = build(bare)
    assert len(made.absent) == 5
    for word in ("health log", "inspection", "log: none", "nobody watched", "last good release"):
        assert any(word in line for line in made.absent), word


def test_times_of_the_engine_are_read() -> None:
    made = build(
        replace(
            PARTS,
            inspection=inspection(
                StartedAt="2026-01-01T10:00:00.123456789+02:00",
                FinishedAt="0001-01-01T00:00:00Z",
            ),
            event=None,
        )
    )
    assert made.started_at == datetime(2026, 1, 1, 8, 0, 0, 123456, tzinfo=UTC)
    assert made.finished_at is None


def test_only_deaths_of_the_last_hour_count_once() -> None:
    deaths = [NOW - timedelta(minutes=5), NOW - timedelta(minutes=90), NOW - timedelta(minutes=5)]
    assert build(replace(PARTS, recent_deaths=deaths)).recent_deaths == (deaths[0],)


def test_bounds() -> None:
    many = [f"line {number}" for number in range(1000)]
    made = build(replace(PARTS, log_tail=many))
    assert len(made.log_tail) == 200
    assert made.log_tail[-1] == "line 999"


def test_an_event_in_a_line() -> None:
    event = Event(
        at=datetime(2026, 1, 1, 12, 0, 1, 5000, tzinfo=UTC),
        time_ns=1,
        kind="container",
        action="kill",
        id="abc",
        name="shop-api-1",
        attributes={"signal": "9"},
    )
    assert event_line(event) == "12:00:01.005 container shop-api-1 kill signal=9"


def test_differences_name_settings_and_hide_secrets() -> None:
    before = {"image": "a", "environment": {"KEY": "old", "GONE": "x"}, "deploy": {"replicas": 1}}
    after = {"image": "b", "environment": {"KEY": "new"}, "ports": [1], "deploy": {"replicas": 1}}
    assert differences(before, after) == (
        "environment.GONE was removed",
        "environment.KEY was changed",
        "image was changed from a to b",
        "ports was added: [1]",
    )
    assert differences(None, after) == ()
    assert differences(before, before) == ()
    many = differences({}, {f"k{number:03}": number for number in range(50)})
    assert len(many) == MAX_LINES + 1
    assert many[-1] == "and 20 more"


def test_passwords_in_command_lines_are_not_kept() -> None:
    look = inspection()
    look |= {"Path": "mysql", "Args": ["-uroot", "-pgeheim"]}
    test = ["CMD-SHELL", "mysqladmin -uroot -pgeheim ping || exit 1"]
    look["Config"] |= {
        "Entrypoint": ["docker-entrypoint.sh"],
        "Cmd": ["mysql", "-pgeheim"],
        "Healthcheck": {"Test": test, "Retries": 3},
    }
    kept = redacted(look)
    assert kept["Args"] == ["-uroot", "-p*****"]
    assert kept["Config"]["Cmd"] == ["mysql", "-p*****"]
    assert kept["Config"]["Entrypoint"] == ["docker-entrypoint.sh"]
    assert kept["Config"]["Healthcheck"] == {
        "Test": ["CMD-SHELL", "mysqladmin -uroot -p***** ping || exit 1"],
        "Retries": 3,
    }


def test_networks_of_other_projects_are_not_its_evidence() -> None:
    def joined(name: str, container: str) -> Event:
        return Event(
            at=NOW,
            time_ns=DEATH.time_ns + 1,
            kind="network",
            action="connect",
            id="n",
            name=name,
            attributes={"container": container},
        )

    theirs, ours = joined("blog_default", "e" * 64), joined("shared", DEATH.id)
    own = joined("shop_back", "f" * 64)
    lines = " ".join(build(replace(PARTS, events=[*EVENTS, theirs, ours, own])).events)
    assert "blog_default" not in lines
    assert "shared" in lines
    assert "shop_back" in lines
