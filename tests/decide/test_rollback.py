"""When a release is taken back: it began with it, no restart cures it, and no data is at stake."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.decide.replay import slot
from tests.decide.test_diagnose import NOW, case

from support.projects import changed, project, service
from tabib.decide.overrides import raisable, with_init, with_limit, with_rotation
from tabib.decide.rollback import Version, former_release, release_facts
from tabib.decide.treat import DEFAULT_POLICY as POLICY
from tabib.decide.treat import (
    Action,
    Decision,
    Explained,
    Patient,
    backoff_s,
    treat,
)
from tabib.decide.verdict import Kind, SlotFacts, Verdict
from tabib.model.incident import Case, Cause, Incident, Treatment
from tabib.model.project import Project, Service
from tabib.model.release import ImageIdentity, Release

API = service("api", command=["serve"], expose=["80"])
DB = service("db", image="postgres:15", volumes={"/data": "data"})
DIED = case(exit_code=1)


def version(
    number: int, *services: Service, minutes_ago: float = 1, verdict: str = "good", **ids: str
) -> Version:
    whole: Project = project(*services, name="shop")
    images = {
        one.name: ImageIdentity(
            reference=one.image, kind="id", value="", image_id=ids.get(one.name, one.image)
        )
        for one in services
    }
    release = Release(
        number=number,
        project="shop",
        engine_id="e",
        cluster="default",
        created_at=NOW - timedelta(minutes=minutes_ago),
        by="ada",
        reason="tabib up",
        config_hash="",
        model={"services": {}},
        images=images,
        verdict=verdict,
    )
    return Version(release=release, project=whole)


OLD = version(1, API, DB, minutes_ago=60)
NEW = version(2, changed(API, command=["serve", "--new"]), DB)


def decide(
    new: Version = NEW,
    code: str = "exit.app-error",
    *,
    kind: Kind = Kind.FAILED,
    tried: tuple[str, ...] = ("not_verified",),
    one: Case = DIED,
    facts: SlotFacts | None = None,
    incidents: tuple[Incident, ...] = (),
    old: Version | None = OLD,
) -> Decision:
    history = tuple(
        Treatment(
            action="start",
            reason="",
            started_at=NOW - timedelta(seconds=40 - n),
            ended_at=NOW - timedelta(seconds=30 - n),
            outcome=outcome,
        )
        for n, outcome in enumerate(tried)
    )
    patient = Patient(
        verdict=Verdict(kind=kind, reason=""),
        slot=facts or slot(),
        history=history,
        release=release_facts(new, old, one, incidents),
    )
    cause = Cause(code=code, summary=code, confidence=0.9)
    return treat(one, (cause,), patient, NOW)


def test_once_a_restart_did_not_help_the_release_is_taken_back() -> None:
    decision = decide()
    assert decision.action is Action.ROLLBACK
    assert "release 2, which changed its configuration" in decision.reason
    assert "back to release 1" in decision.reason
    assert decision.verify == "running"


def test_first_a_restart_is_tried_where_one_may_help() -> None:
    assert decide(tried=()).action is Action.START


@pytest.mark.parametrize(
    "code", ["exit.command-not-found", "exit.missing-env", "exit.exec-format", "config.invalid"]
)
def test_what_no_restart_cures_is_taken_back_at_once(code: str) -> None:
    assert decide(code=code, tried=()).action is Action.ROLLBACK


def test_in_a_restart_loop_the_engine_has_tried() -> None:
    decision = decide(kind=Kind.RESTART_LOOP, tried=(), facts=slot(restart="always"))
    assert decision.action is Action.ROLLBACK


@pytest.mark.parametrize(
    "code", ["storage.full", "exit.killed", "engine.restarted", "tls.expired", "clock.skew"]
)
def test_what_no_release_brings_about_is_not_taken_back(code: str) -> None:
    assert decide(code=code).action is not Action.ROLLBACK


def test_a_moved_tag_is_a_changed_image() -> None:
    assert decide(version(2, API, DB, api="other")).action is Action.ROLLBACK


@pytest.mark.parametrize(
    ("new", "old"),
    [
        pytest.param(version(2, API, DB), OLD, id="nothing changed"),
        pytest.param(replace(NEW, release=replace(NEW.release,
                     created_at=NOW - timedelta(minutes=11))), OLD, id="too long ago"),
        pytest.param(NEW, None, id="nothing to go back to"),
        pytest.param(NEW, version(1, DB), id="it is new"),
    ],
)  # fmt: skip
def test_when_it_is_not_the_releases_doing(new: Version, old: Version | None) -> None:
    assert decide(new, old=old).action is Action.START


def test_the_bake_time_can_be_written() -> None:
    api = replace(NEW.project.services["api"], extension={"rollout": {"bake": "1h30m"}})
    slow = version(2, api, DB, minutes_ago=80)
    assert decide(slow).action is Action.ROLLBACK
    odd = replace(api, extension={"rollout": {"bake": "soon"}})
    assert decide(version(2, odd, DB, minutes_ago=80)).action is Action.START


@pytest.mark.parametrize(
    ("new", "one"),
    [
        pytest.param(
            version(2, NEW.project.services["api"], changed(DB, image="postgres:16")),
            DIED,
            id="the image of a database with data",
        ),
        pytest.param(
            version(2, NEW.project.services["api"], DB, service("migrate", command=["x"])),
            DIED,
            id="a migration job is new",
        ),
        pytest.param(
            version(2, changed(API, command=["sh", "-c", "alembic upgrade head && serve"]), DB),
            DIED,
            id="its command migrates",
        ),
        pytest.param(
            NEW, case(exit_code=1, log_tail=("INFO Running migrations: 0042_x",)), id="the log"
        ),
        pytest.param(
            replace(NEW, release=replace(NEW.release, reason="undo of rollback (incident i)")),
            DIED,
            id="a person went back to it",
        ),
    ],
)
def test_where_data_or_a_person_is_in_the_way_it_is_only_offered(new: Version, one: Case) -> None:
    assert decide(new, one=one).action is Action.START
    offer = decide(new, code="exit.missing-env", one=one, tried=())
    assert (offer.action, offer.proposed, offer.needs_human) == (
        Action.OFFER,
        Action.ROLLBACK,
        True,
    )


def test_a_cache_without_data_is_no_reason() -> None:
    bare = service("db", image="redis:7")
    new = version(2, NEW.project.services["api"], changed(bare, image="redis:8"))
    assert decide(new, old=version(1, API, bare, minutes_ago=60)).action is Action.ROLLBACK


def test_what_was_ill_before_is_not_the_releases_doing() -> None:
    before = Incident(
        id="i", opened_at=NOW - timedelta(minutes=20), engine_id="e", cluster="default",
        project="shop", service="api", container="shop-api-1", severity="error",
        cause=Cause(code="exit.app-error", summary="", confidence=0.9),
    )  # fmt: skip
    assert decide(incidents=(before,)).action is Action.START
    over = replace(before, closed_at=NOW - timedelta(minutes=19))
    assert decide(incidents=(over,)).action is Action.ROLLBACK


def test_never_twice() -> None:
    patient = Patient(
        verdict=Verdict(kind=Kind.FAILED, reason=""),
        slot=slot(),
        history=(
            Treatment(
                action="rollback", reason="", started_at=NOW - timedelta(seconds=30), outcome="done"
            ),
        ),
        release=release_facts(NEW, OLD, DIED),
    )
    cause = Cause(code="exit.missing-env", summary="", confidence=0.9)
    assert treat(DIED, (cause,), patient, NOW).action is Action.NONE


def test_observe_and_advise_do_not_go_back() -> None:
    assert decide(facts=slot(mode="observe")).action is Action.NONE
    advised = decide(facts=slot(mode="advise"))
    assert (advised.action, advised.proposed) == (Action.OFFER, Action.ROLLBACK)


def test_the_budget_holds_for_it_too() -> None:
    assert decide(tried=("not_verified",) * 5).action is Action.QUARANTINE
    assert backoff_s(2, POLICY) == 2.0


def test_the_former_release_is_the_last_good_one() -> None:
    known = [
        version(4, API).release,
        version(3, API, verdict="failed").release,
        version(2, API).release,
        version(1, API).release,
    ]
    found = former_release(known[0], known)
    assert found is not None
    assert found.number == 2
    assert former_release(known[3], known) is None


# ── waiting for what explains it ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "code", "well_s_ago", "waits"),
    [
        (Kind.FAILED, "network.refused", None, True),
        (Kind.FAILED, "network.refused", 0, False),
        (Kind.UNHEALTHY, "health.unhealthy", None, True),
        (Kind.UNHEALTHY, "health.unhealthy", 10, True),
        (Kind.UNHEALTHY, "health.unhealthy", 16, False),
        (Kind.RESTART_LOOP, "restart.loop", None, True),
        (Kind.RESTART_LOOP, "restart.loop", 60, True),
        (Kind.RESTART_LOOP, "restart.loop", 80, False),
        (Kind.DRIFT_REMOVED, "config.drift", None, False),
        (Kind.ENGINE_STOPPED_IT, "engine.restarted", None, False),
    ],
)
def test_a_symptom_waits_for_its_cause(
    kind: Kind, code: str, well_s_ago: float | None, waits: bool
) -> None:
    well_at = None if well_s_ago is None else NOW - timedelta(seconds=well_s_ago)
    patient = Patient(
        verdict=Verdict(kind=kind, reason=""),
        slot=slot(restart="always" if kind is Kind.RESTART_LOOP else None),
        explained=Explained(service="db", well_at=well_at),
    )
    decision = treat(DIED, (Cause(code=code, summary="", confidence=0.9),), patient, NOW)
    assert (decision.action is Action.WAIT_FOR_DEPENDENCY) is waits
    if waits:
        assert decision.not_before is not None
        assert decision.not_before > NOW


# ── limits and other overrides ─────────────────────────────────────────────────────────────────

POLICED = {"limits": {"memory": {"max": 200}, "pids": {"max": 90}}}
DEPLOYED = {"deploy": {"resources": {"limits": {"memory": "100", "cpus": 1}}}}


@pytest.mark.parametrize(
    ("cause", "spec", "extension", "after"),
    [
        ("memory.container-oom", {"mem_limit": "100"}, POLICED, 150),
        ("memory.container-oom", {"mem_limit": "150"}, POLICED, 200),
        ("memory.container-oom", {"mem_limit": "200"}, POLICED, None),
        ("memory.container-oom", {"mem_limit": "100"}, {}, None),
        ("memory.container-oom", {}, POLICED, None),
        ("memory.container-oom", DEPLOYED, POLICED, 150),
        ("process.pid-limit", {"pids_limit": 60}, POLICED, 90),
        ("exit.app-error", {"mem_limit": "100"}, POLICED, None),
    ],
)
def test_a_limit_is_raised_by_half_up_to_the_maximum(
    cause: str, spec: dict[str, object], extension: dict[str, object], after: int | None
) -> None:
    found = raisable(cause, spec, extension)
    assert (found.after if found else None) == after


def test_where_the_limit_stands_it_is_changed_and_nothing_else() -> None:
    assert with_limit({"mem_limit": "100", "memswap_limit": "180"}, "memory", 150) == {
        "mem_limit": "150",
        "memswap_limit": "230",
    }
    assert with_limit(DEPLOYED, "memory", 150) == {
        "deploy": {"resources": {"limits": {"memory": "150", "cpus": 1}}}
    }
    assert with_limit({"pids_limit": 60}, "pids", 90) == {"pids_limit": 90}
    assert DEPLOYED["deploy"]["resources"]["limits"]["memory"] == "100"


def test_init_and_rotation() -> None:
    assert with_init({"image": "x"}) == {"image": "x", "init": True}
    kept = {"logging": {"driver": "local", "options": {"max-size": "1m"}}}
    assert with_rotation(kept)["logging"]["options"] == {"max-size": "1m", "max-file": "3"}
    assert with_rotation({})["logging"]["driver"] == "json-file"


def test_out_of_memory_with_a_policy_the_limit_is_raised() -> None:
    more = raisable("memory.container-oom", {"mem_limit": "104857600"},
                    {"limits": {"memory": {"max": 1 << 30}}})  # fmt: skip
    patient = Patient(verdict=Verdict(kind=Kind.FAILED, reason=""), slot=slot(), raisable=more)
    cause = Cause(code="memory.container-oom", summary="", confidence=0.97)
    decision = treat(DIED, (cause,), patient, NOW)
    assert decision.action is Action.RAISE_LIMIT
    assert "100 MiB → 150 MiB" in decision.reason
