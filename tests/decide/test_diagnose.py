"""Rules on texts that are not among the recorded cases, and the ranking of causes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tabib.decide import checkup
from tabib.decide.diagnose import BY_CODE, RULES, diagnose, restart_helps
from tabib.decide.diagnose.exit import signal_name
from tabib.model.incident import SEVERITIES, Case, HealthProbe, Readings, Recorded
from tabib.operations.backups.troubles import CODES

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PAGES = Path(__file__).parents[2] / "docs" / "findings"


def case(trigger: str = "died", **evidence: object) -> Case:
    given: dict[str, object] = {"exit_code": 1} | evidence
    return Case(
        id="case-1",
        sealed_at=NOW,
        trigger=trigger,
        engine_id="e",
        cluster="default",
        project="shop",
        service="api",
        slot=1,
        container="shop-api-1",
        container_id="c1",
        **given,  # type: ignore[arg-type]
    )


def first(**evidence: object) -> str:
    return diagnose(case(**evidence))[1][0].code  # type: ignore[arg-type]


def refused(text: str) -> str:
    return first(trigger="start_failed", exit_code=None, engine_error=text)


def sick(output: str, code: int = 1, **evidence: object) -> str:
    probe = HealthProbe(at=NOW, exit_code=code, output=output)
    return first(trigger="unhealthy", exit_code=None, health_log=(probe,), **evidence)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            "manifest for shop/api:9 not found: manifest unknown: manifest unknown",
            "image.not-found",
        ),
        (
            "pull access denied for shop/api, repository does not exist or may require "
            "'docker login': denied: requested access to the resource is denied",
            "image.denied",
        ),
        (
            "toomanyrequests: You have reached your pull rate limit.",
            "image.rate-limit",
        ),
        ('Get "https://registry.example/v2/": net/http: i/o timeout', "image.registry-unreachable"),
        (
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
            "image.platform",
        ),
        (
            'Conflict. The container name "/shop-api-1" is already in use by container "ab12". '
            "You have to remove (or rename) that container to be able to reuse that name.",
            "config.name-conflict",
        ),
        (
            "driver failed programming external connectivity on endpoint x (1): Error starting "
            "userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use",
            "network.port-taken",
        ),
        ("failed to set up container networking: network ab12 not found", "network.missing"),
        (
            'failed to create task: exec: "/app": stat /app: no such file or directory: unknown',
            "exit.command-not-found",
        ),
        ('could not select device driver "nvidia" with capabilities', "config.device-missing"),
        ("mkdir /var/lib/docker/tmp: no space left on device", "storage.engine-root-full"),
        ("something that nobody has ever seen", "engine.start-refused"),
    ],
)
def test_what_the_engine_says(text: str, code: str) -> None:
    assert refused(text) == code


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("KeyError: 'DATABASE_URL'", "exit.missing-env"),
        ("Error: Missing required environment variable: API_KEY", "exit.missing-env"),
        ("environment variable SECRET_KEY is not set", "exit.missing-env"),
        ("/start.sh: line 3: PGPASS: unbound variable", "exit.missing-env"),
        ("KeyError: 'USD'", "exit.app-error"),
        ("panic: runtime error: index out of range", "exit.app-error"),
        ("Error: getaddrinfo ENOTFOUND db", "network.dns"),
        ("Error: connect ECONNREFUSED 172.18.0.2:5432", "network.refused"),
        (
            'psycopg2.OperationalError: could not translate host name "db" to address: '
            "Temporary failure in name resolution",
            "network.dns",
        ),
        ("OSError: [Errno 98] Address already in use", "network.port-taken"),
        ("OSError: [Errno 28] No space left on device", "storage.full"),
        ("open /data/x: read-only file system", "storage.read-only"),
        (
            "standard_init_linux.go:228: exec user process caused: exec format error",
            "exit.exec-format",
        ),
    ],
)
def test_what_an_application_says_at_its_end(line: str, code: str) -> None:
    assert first(log_tail=("starting", line)) == code


@pytest.mark.parametrize(
    ("exit_code", "code", "name"),
    [
        (137, "exit.killed", "SIGKILL"),
        (143, "exit.killed", "SIGTERM"),
        (129, "exit.killed", "SIGHUP"),
        (139, "exit.segfault", "SIGSEGV"),
        (134, "exit.app-error", "SIGABRT"),
        (255, "exit.app-error", ""),
    ],
)
def test_signals(exit_code: int, code: str, name: str) -> None:
    assert first(exit_code=exit_code) == code
    assert signal_name(exit_code) == name


def test_old_complaints_do_not_stand_in_the_way_of_a_restart() -> None:
    log = ("touch: /data/x: Permission denied", "No space left on device", "KeyError: 'A_B'")
    mounts = {"Mounts": [{"Destination": "/data"}]}
    _, causes = diagnose(case(exit_code=137, log_tail=log, inspection=mounts))
    assert [cause.code for cause in causes] == ["exit.killed"]
    assert restart_helps(causes)
    buried = (*log, *(f"request {number} served" for number in range(30)))
    assert first(exit_code=1, log_tail=buried, inspection=mounts) == "exit.app-error"


def test_a_variable_is_not_missing_after_hours_of_running() -> None:
    ran = {"started_at": NOW - timedelta(hours=2), "finished_at": NOW}
    assert first(log_tail=("KeyError: 'USER_NAME'",), **ran) == "exit.app-error"


def test_denied_is_the_volume_only_where_one_is_mounted() -> None:
    log = ("touch: /data/x: Permission denied",)
    assert first(log_tail=log) == "storage.permission-denied"
    mounted = {"Mounts": [{"Destination": "/data"}]}
    assert first(log_tail=log, inspection=mounted) == "storage.volume-permission"


def test_a_dependency_that_is_down_is_the_cause_and_is_named() -> None:
    log = ("connect to db:5432: Connection refused",)
    (alone, *_) = diagnose(case(log_tail=log))[1]
    down = {"db": "down", "cache": "healthy"}
    (cause, *_) = diagnose(case(log_tail=log, dependencies=down))[1]
    assert cause.code == alone.code == "network.refused"
    assert cause.confidence > alone.confidence
    assert "db is down" in cause.summary
    assert "cache" not in cause.summary
    assert "exit.app-error" in cause.cites


def test_a_check_that_asks_itself_accuses_no_other() -> None:
    itself = "curl: (7) Failed to connect to localhost port 80: Connection refused"
    assert sick(itself) == "health.unhealthy"
    assert sick("dial tcp 10.0.0.3:5432: connect: connection refused") == "network.refused"


@pytest.mark.parametrize(
    ("output", "code", "expected"),
    [
        ("/bin/sh: curl: not found", 127, "health.bad-command"),
        ("/bin/sh: 1: curl: not found", 127, "health.bad-command"),
        (
            'OCI runtime exec failed: exec failed: exec: "x": stat x: no such file',
            -1,
            "health.bad-command",
        ),
        ("Health check exceeded timeout (5s)", -1, "health.timeout"),
        ("404 page not found", 1, "health.unhealthy"),
    ],
)
def test_health(output: str, code: int, expected: str) -> None:
    assert sick(output, code) == expected


def test_a_kill_through_the_engine_is_said_to_be_one() -> None:
    _, (cause, *_) = diagnose(case(exit_code=137, kill_signals=(9,)))
    assert "through the engine" in cause.summary
    assert first(exit_code=137, kill_signals=(15, 9)) == "exit.stop-timeout"


def test_five_deaths_in_the_hour_are_a_loop() -> None:
    deaths = tuple(NOW - timedelta(minutes=number) for number in (8, 6, 4, 2))
    findings, causes = diagnose(case(recent_deaths=deaths))
    assert {finding.code for finding in findings} == {"exit.app-error", "restart.loop"}
    assert causes[0].code == "exit.app-error", "what it dies of comes before that it loops"
    assert len(diagnose(case(recent_deaths=deaths[1:]))[0]) == 1


def test_changes_since_the_last_good_release_are_evidence() -> None:
    (finding,), _ = diagnose(case(config_changes=("image was changed from a to b",)))
    assert ("config", "image was changed from a to b") in {
        (evidence.source, evidence.text) for evidence in finding.evidence
    }


def test_a_death_of_which_nothing_is_known_still_has_a_finding() -> None:
    (finding,), _ = diagnose(case(exit_code=None))
    assert finding.code == "exit.app-error"
    assert "could not be had" in finding.summary


@pytest.mark.parametrize("trigger", ["engine_restarted", "missing", "removed"])
def test_found_states(trigger: str) -> None:
    expected = "engine.restarted" if trigger == "engine_restarted" else "config.drift"
    assert first(trigger=trigger, exit_code=0) == expected


def test_every_rule_has_its_page_and_every_page_its_rule() -> None:
    pages = {path.stem for path in PAGES.glob("*.md")} - {"README"}
    assert pages == {*BY_CODE, *checkup.BY_CODE, *CODES}
    assert len(RULES) == len(BY_CODE), "a code is used twice"
    index = (PAGES / "README.md").read_text()
    for rule in (*RULES, *checkup.RULES):
        text = (PAGES / f"{rule.code}.md").read_text()
        assert text.startswith(f"# {rule.code}\n")
        for title in ("How we know", "What tabib does", "What you can do"):
            assert f"## {title}\n" in text
        assert f"({rule.code}.md)" in index


def test_rules_explain_known_codes_and_only_known_severities_are_used() -> None:
    for rule in RULES:
        assert set(rule.explains) <= set(BY_CODE), rule.code
        assert rule.code not in rule.explains
        assert 0 < rule.confidence <= 1
    findings, _ = diagnose(case())
    assert all(finding.severity in SEVERITIES for finding in findings)


BROKEN_PROBE = (
    "OCI runtime exec failed: exec failed: unable to start container process: error writing config "
    "to pipe: write init-p: broken pipe: unknown"
)


def test_a_probe_that_died_with_its_container_blames_no_command() -> None:
    assert sick(BROKEN_PROBE, -1) == "health.unhealthy"
    probe = HealthProbe(at=NOW, exit_code=-1, output=BROKEN_PROBE)
    killed = case(exit_code=137, status="exited", health="unhealthy", health_log=(probe,))
    findings, causes = diagnose(killed)
    assert causes[0].code == "exit.killed"
    assert restart_helps(causes)
    assert not any(finding.code.startswith("health.") for finding in findings)


def flooded(mb: float, **options: str) -> str:
    times = (NOW - timedelta(seconds=100), NOW)
    readings = Readings(metrics=("log_bytes",), times=times, rows=((0,), (int(mb * 1e6),)))
    recorded = Recorded(since=times[0], until=NOW, container=readings)
    return first(
        log_tail=("write: No space left on device",),
        recorded=recorded,
        inspection={"HostConfig": {"LogConfig": {"Type": "json-file", "Config": options}}},
    )


def test_a_log_that_fills_the_disk() -> None:
    assert flooded(500) == "storage.log-flood"
    assert flooded(5) == "storage.full"
    assert flooded(500, **{"max-size": "10m"}) == "storage.full"


def test_a_network_that_it_is_not_attached_to() -> None:
    cut_off = sick("wget: bad address 'db:80'", missing_networks=("shop_default",))
    assert cut_off == "network.disconnected"
    assert sick("wget: bad address 'db:80'") == "network.dns"


def test_a_connection_names_the_service_that_it_was_meant_for() -> None:
    needs = {"cache": "healthy", "db": "down"}
    lines = ("dial tcp: lookup cache on 127.0.0.11:53: no such host",)
    _, causes = diagnose(case(log_tail=lines, dependencies=needs))
    assert (causes[0].code, causes[0].service) == ("network.dns", "cache")
    _, causes = diagnose(case(log_tail=("connection refused",), dependencies=needs))
    assert (causes[0].code, causes[0].service) == ("network.refused", "db")
    _, causes = diagnose(case(log_tail=("connection refused",)))
    assert causes[0].service == ""


def test_a_check_that_times_out_asked_its_own_service_unless_it_names_another() -> None:
    assert sick("the API does not answer: timed out").startswith("health.")
    assert sick("timed out", dependencies={"db": "unhealthy"}) == "network.timeout"
    assert sick("timed out: http://payments.example.com/up") == "network.timeout"
    asked = {"Config": {"Healthcheck": {"Test": ["CMD", "probe", "--host", "payments"]}}}
    assert sick("timed out", inspection=asked) == "network.timeout"


def test_a_check_of_its_own_that_was_refused_while_it_was_down_is_no_cause() -> None:
    probe = HealthProbe(at=NOW, exit_code=1, output="urlopen error [Errno 111] Connection refused")
    check = {"Config": {"Healthcheck": {"Test": ["CMD-SHELL", "curl http://127.0.0.1:8000/"]}}}
    died = case(exit_code=1, health_log=(probe,), inspection=check)
    assert "network.refused" not in {one.code for one in diagnose(died)[0]}
    other = {"Config": {"Healthcheck": {"Test": ["CMD-SHELL", "curl http://api:8000/"]}}}
    asked = case(exit_code=1, health_log=(probe,), inspection=other)
    assert "network.refused" in {one.code for one in diagnose(asked)[0]}
