"""What is told, when, and in which words: tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tabib.decide.notices import LIMITS, back_off, compose, effective, notices_of, plan, rules_for
from tabib.decide.notices.quiet import quiet_until
from tabib.decide.notices.rules import wants
from tabib.decide.notices.summary import summary_due
from tabib.decide.notices.timing import Plan
from tabib.decide.notices.urls import destination_id, label, url_secrets, url_tokens
from tabib.model.incident import Cause, Incident, Treatment
from tabib.model.notice import Destination, Notice, NotifyRule, Told
from tabib.model.notice_words import parse_hours

NOW = datetime(2030, 1, 9, 12, 0, tzinfo=UTC)
USUAL = NotifyRule(url="")
RULE = effective(NotifyRule(url="vault:aaaabbbbccccdddd"), USUAL)
PLACE = Destination(id="d", url="vault:d", label="json://****", known_since=NOW)
ZONES = {"": UTC, "Europe/Berlin": ZoneInfo("Europe/Berlin")}
SECOND = timedelta(seconds=1)


def incident(**fields: object) -> Incident:
    usual: dict[str, object] = {
        "id": "i1",
        "opened_at": NOW,
        "engine_id": "e",
        "cluster": "default",
        "project": "shop",
        "service": "api",
        "container": "shop-api-1",
        "severity": "error",
        "cause": Cause(code="exit.app-error", summary="exit code 1", confidence=0.9),
        "advice": "Read its log.",
    }
    return Incident(**{**usual, **fields})  # type: ignore[arg-type]


def notice(name: str = "i1", kind: str = "open", after_s: float = 0, **fields: object) -> Notice:
    usual: dict[str, object] = {
        "id": f"d/{name}/{fields.get('era', '0')}/{kind}",
        "destination": "d",
        "kind": kind,
        "at": NOW + after_s * SECOND,
        "incident": name,
        "era": "0",
        "project": "shop",
        "service": "api",
        "severity": "error",
        "title": f"title of {name}",
        "head": f"head of {name}",
        "text": f"text of {name}",
    }
    return Notice(**{**usual, **fields})  # type: ignore[arg-type]


def told(one: Notice, after_s: float, message: str = "", as_: str = "single") -> Told:
    return Told(notice=one, message=message or one.id, at=NOW + after_s * SECOND, told_as=as_)


def planned(
    pending: Sequence[Notice],
    after_s: float,
    told_: Sequence[Told] = (),
    place: Destination = PLACE,
) -> Plan:
    return plan(pending, told_, place, NOW + after_s * SECOND, ZONES)


def names(found: Plan) -> list[str]:
    return [one.incident for one in found.send]


# ── what ───────────────────────────────────────────────────────────────────────────────────────


def kinds(one: Incident, rule: NotifyRule = RULE) -> list[str]:
    return [found.kind for found in notices_of(one, [rule], host="h")]


def test_an_incident_opens_needs_somebody_and_is_over() -> None:
    offered = Treatment(action="offer", reason="r", started_at=NOW + SECOND, outcome="offered")
    assert kinds(incident()) == ["open"]
    needs = incident(outcome="needs_human", treatments=(offered,))
    assert kinds(needs) == ["open", "needs_human"]
    assert notices_of(needs, [RULE], host="h")[1].at == NOW + SECOND
    assert kinds(incident(outcome="recovered", closed_at=NOW)) == ["recovery"]
    assert kinds(incident(outcome="needs_human", closed_at=NOW)) == ["recovery"]


def test_what_another_incident_explains_is_not_told() -> None:
    assert kinds(incident(parent="i0", severity="critical", outcome="needs_human")) == []


def test_the_same_state_gives_the_same_ids_and_coming_back_gives_others() -> None:
    def ids(one: Incident) -> set[str]:
        return {found.id for found in notices_of(one, [RULE], host="h")}

    assert ids(incident()) == ids(incident(severity="critical", advice="other"))
    again = incident(reopened_at=NOW + SECOND)
    assert not ids(incident()) & ids(again)
    assert not ids(incident()) & ids(incident(reopened=1))


@pytest.mark.parametrize(
    ("rule", "kind", "severity", "wanted"),
    [
        ({}, "open", "warning", True),
        ({}, "open", "info", False),
        ({}, "needs_human", "info", True),
        ({"min_severity": "critical"}, "open", "error", False),
        ({"min_severity": "critical"}, "needs_human", "warning", True),
        ({"on": ("needs_human",)}, "open", "critical", False),
        ({}, "summary", "info", False),
    ],
)
def test_what_a_rule_wants(rule: dict[str, object], kind: str, severity: str, wanted: bool) -> None:
    mine = effective(NotifyRule(url="u", **rule), USUAL)  # type: ignore[arg-type]
    assert wants(mine, kind, severity) is wanted


def test_who_was_needed_is_told_when_it_is_over_at_any_severity() -> None:
    strict = effective(NotifyRule(url="vault:1", min_severity="critical"), USUAL)
    offered = Treatment(action="offer", reason="r", started_at=NOW, outcome="offered")
    assert kinds(incident(outcome="needs_human"), strict) == ["needs_human"]
    over = {"outcome": "recovered", "closed_at": NOW}
    assert kinds(incident(treatments=(offered,), **over), strict) == ["recovery"]
    assert kinds(incident(**over), strict) == []


def test_a_service_has_rules_of_its_own_and_the_host_comes_after() -> None:
    one, two, three = (NotifyRule(url=name) for name in ("1", "2", "3"))
    project = {"": (one,), "api": (two,), "quiet": ()}
    host = (three, replace(one, on=("open",)))
    usual = NotifyRule(url="", min_severity="error", quiet_hours="22:00-07:00")

    def urls(service: str) -> list[str]:
        return [rule.url for rule in rules_for(service, project, host, usual)]

    assert urls("web") == ["1", "3"]
    assert urls("api") == ["2", "3", "1"]
    assert urls("quiet") == ["3", "1"]
    [first, *_] = rules_for("web", project, host, usual)
    assert (first.min_severity, first.quiet_hours) == ("error", "22:00-07:00")
    assert first.on == ("open", "needs_human", "recovery")


# ── when ───────────────────────────────────────────────────────────────────────────────────────


def test_a_storm_is_one_message_after_five_seconds() -> None:
    storm = [notice(f"i{n}", after_s=n / 10) for n in range(30)]
    early = planned(storm, 4)
    assert (early.send, early.wake_at) == ((), NOW + 5 * SECOND)
    assert len(planned(storm, 5).send) == 30


def test_who_is_needed_for_something_critical_is_told_at_once_with_all_that_waits() -> None:
    urgent = notice("i2", "needs_human", 1, severity="critical")
    assert names(planned([notice("i1"), urgent], 1)) == ["i1", "i2"]
    assert names(planned([notice("i2", "needs_human", 1)], 1)) == []


def test_what_is_over_before_it_was_told_is_one_message() -> None:
    found = planned([notice(kind="open"), notice(kind="recovery", after_s=2)], 5)
    assert [one.kind for one in found.send] == ["recovery"]
    assert [one.kind for one in found.covered] == ["open"]


def test_quiet_hours_hold_everything_but_what_is_critical() -> None:
    quiet = {"quiet_hours": "11:00-13:30", "timezone": ""}
    held = planned([notice("i1", **quiet)], 60)
    assert (held.send, held.wake_at) == ((), NOW + timedelta(minutes=90))
    both = [notice("i1", **quiet), notice("i2", severity="critical", **quiet)]
    assert names(planned(both, 60)) == ["i2"]
    assert names(planned(both, 5400)) == ["i1", "i2"]


@pytest.mark.parametrize(
    ("now", "hours", "zone", "until"),
    [
        ("2030-01-09T21:30+00:00", "22:00-07:00", "Europe/Berlin", "2030-01-10T06:00+00:00"),
        ("2030-01-10T05:59+00:00", "22:00-07:00", "Europe/Berlin", "2030-01-10T06:00+00:00"),
        ("2030-01-10T06:00+00:00", "22:00-07:00", "Europe/Berlin", None),
        ("2030-01-09T20:59+00:00", "22:00-07:00", "Europe/Berlin", None),
        ("2030-03-31T00:30+00:00", "22:00-07:00", "Europe/Berlin", "2030-03-31T05:00+00:00"),
        ("2030-10-27T00:30+00:00", "22:00-07:00", "Europe/Berlin", "2030-10-27T06:00+00:00"),
        ("2030-10-27T01:15+00:00", "00:00-02:30", "Europe/Berlin", "2030-10-27T01:30+00:00"),
        ("2030-01-09T12:00+00:00", "12:00-13:00", "", "2030-01-09T13:00+00:00"),
        ("2030-01-09T12:00+00:00", "none", "", None),
        ("2030-01-09T12:00+00:00", "", "", None),
    ],
)
def test_quiet_hours_end_by_the_clock_of_the_place(
    now: str, hours: str, zone: str, until: str | None
) -> None:
    found = quiet_until(datetime.fromisoformat(now), hours, ZONES[zone])
    assert found == (datetime.fromisoformat(until) if until else None)


@pytest.mark.parametrize("text", ["22-7", "24:00-07:00", "22:60-07:00", "07:00-07:00", "x"])
def test_hours_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        parse_hours(text)


def test_no_more_than_ten_in_ten_minutes_and_three_of_them_for_what_is_urgent() -> None:
    sent = [told(notice(f"s{n}"), n) for n in range(7)]
    found = planned([notice("i1", after_s=10)], 20, sent)
    assert (found.send, found.wake_at) == ((), NOW + timedelta(seconds=600))
    urgent = notice("i2", "needs_human", 10, severity="critical")
    assert names(planned([urgent], 20, sent)) == ["i2"]
    full = [told(notice(f"s{n}"), n) for n in range(10)]
    assert planned([urgent], 20, full).wake_at == NOW + timedelta(seconds=600)
    many = [notice(f"i{n}", after_s=10 + n) for n in range(50)]
    assert len(planned(many, 601, sent).send) == 50


def test_after_a_failure_it_waits_unless_something_urgent_has_come() -> None:
    failed = replace(PLACE, failures=3, failed_at=NOW, retry_at=NOW + 60 * SECOND)
    found = planned([notice()], 10, place=failed)
    assert (found.send, found.wake_at) == ((), NOW + 60 * SECOND)
    assert names(planned([notice()], 60, place=failed)) == ["i1"]
    urgent = notice("i2", "needs_human", 5, severity="critical")
    assert names(planned([urgent], 10, place=failed)) == ["i2"]


def test_pauses_grow_from_a_second_to_ten_minutes() -> None:
    assert [back_off(n).total_seconds() for n in (1, 2, 3, 10, 11, 5000)] == [
        1, 2, 4, 512, 600, 600]  # fmt: skip


def test_a_day_without_delivery_is_the_end_of_a_notice() -> None:
    failing = replace(PLACE, failures=200)
    late = LIMITS.gives_up.total_seconds()
    assert [one.incident for one in planned([notice()], late, place=failing).expired] == ["i1"]
    assert planned([notice()], late).expired == ()


def test_what_flaps_is_told_once_with_its_count_and_again_when_it_stands_still() -> None:
    opened = [notice(era=str(n), after_s=60.0 * n) for n in range(4)]
    before = [told(one, 60.0 * n + 5) for n, one in enumerate(opened[:3])]
    found = planned([opened[3]], 186, before)
    assert (names(found), found.flapping) == (["i1"], {"i1": 3})
    said = [*before, told(opened[3], 186, as_="flapping")]
    back = notice(kind="recovery", era="3", after_s=200)
    held = planned([back], 220, said)
    assert (held.send, held.wake_at) == ((), NOW + 800 * SECOND)
    assert names(planned([back], 800, said)) == ["i1"]
    needs = notice(kind="needs_human", era="4", after_s=300)
    assert names(planned([back, needs], 305, said)) == ["i1"]


def test_the_week_is_summed_up_on_monday_morning() -> None:
    monday = datetime(2030, 1, 7, 8, 0, tzinfo=UTC)
    berlin = ZONES["Europe/Berlin"]
    known = monday - timedelta(days=3)
    assert summary_due(monday, known, berlin) == monday
    assert summary_due(monday - SECOND, known, berlin) is None
    assert summary_due(monday + timedelta(days=1), known, berlin) is None
    assert summary_due(monday, monday, berlin) is None


# ── words ──────────────────────────────────────────────────────────────────────────────────────


def test_one_incident_has_one_title_for_its_whole_life() -> None:
    states = [incident(), incident(outcome="needs_human"),
              incident(outcome="recovered", closed_at=NOW, rto_seconds=2.0)]  # fmt: skip
    found = [one for state in states for one in notices_of(state, [RULE], host="h1")]
    assert {one.title for one in found} == {"[tabib] shop/api on h1: incident i1"}
    assert found[0].text.splitlines() == [
        "OPEN (error): exit code 1",
        "shop-api-1, since 2030-01-09 12:00:00 UTC",
        "api: exit code 1; not over yet",
        "Left to do: Read its log.",
        "→ tabib incident i1",
    ]
    assert found[2].text.startswith("NEEDS A PERSON (error): ")
    assert found[-1].text.startswith("RECOVERED (error): ")
    [with_report] = notices_of(incident(), [RULE], host="", reports=True)
    assert with_report.text.endswith("→ tabib incident i1 · tabib report i1")


def test_several_are_one_list_with_the_worst_first_and_every_critical_one() -> None:
    few = [notice("i1"), notice("i2", "needs_human", severity="critical")]
    found = compose(few, host="h1")
    assert found.title == "[tabib] 2 incidents on h1, 1 needs a person"
    assert found.body.splitlines()[:2] == ["- head of i2", "- head of i1"]
    assert found.severity == "critical"
    many = [notice(f"c{n}", severity="critical") for n in range(20)]
    many += [notice(f"i{n}") for n in range(20)]
    body = compose(many).body
    assert all(f"head of c{n}\n" in body for n in range(20))
    assert "- … and 20 more" in body


def test_what_flaps_says_so() -> None:
    body = compose([notice()], flapping={"i1": 4}).body
    assert body == "FLAPPING: came back 4 times within the hour.\ntext of i1"
    assert compose([notice(), notice("i2")], flapping={"i1": 4}).body.splitlines()[0] == (
        "- FLAPPING: came back 4 times within the hour. head of i1"
    )


def test_of_a_url_only_the_scheme_is_shown() -> None:
    url = "tgram://123456789:AbCdEfGh/4711?format=html"
    assert label(url) == "tgram://****"
    hidden = url_secrets(url)
    assert {"123456789", "AbCdEfGh", "4711", url} <= hidden
    assert "localhost" not in url_secrets("json://localhost/x")
    assert "TokenAAA" in url_secrets("slack://TokenAAA/TokenBBB/TokenCCC")
    assert url_secrets("json://[abc") == {"json://[abc", "[abc"}
    hook = "https://ada:hiddenword@hooks.example.org/services/T0123456/x"
    assert url_tokens(hook) >= {hook, "hiddenword", "T0123456"}
    assert "services" not in url_tokens(hook)
    assert destination_id("vault:0123456789abcdef") == "0123456789ab"
