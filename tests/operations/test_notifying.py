"""Who is told what, as stories: a whole daemon on an engine in memory, and an inbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from support.inbox import Inbox
from support.patients import SHOP, WEB, settled
from support.projects import project
from support.receivers import http_receiver
from support.site import Daemon, House
from support.story import story
from tabib.engines.memory import Program
from tabib.model.codec import encode
from tabib.model.errors import ConfigError
from tabib.model.incident import Cause, Incident
from tabib.model.settings import NotifySettings
from tabib.notify.services import Services

CANARY = "canary9f3ac17e"
URL = f"json://ada:{CANARY}@127.0.0.1:9/hook"
OTHER = "form://127.0.0.1:9/other"
ALL = NotifySettings(urls=[URL])


def told(*urls: Any) -> Any:
    """The shop, with ``notify``."""
    return replace(SHOP, extensions={"x-tabib": {"notify": list(urls)}})


async def reported(daemon: Daemon, number: int = 1, **fields: Any) -> Incident:
    """An incident that care wrote."""
    usual: dict[str, Any] = {
        "id": f"in{number:010d}",
        "opened_at": daemon.clock.now(),
        "engine_id": daemon.tools.info.id,
        "cluster": "default",
        "project": "tale",
        "service": "web",
        "container": "tale-web-1",
        "severity": "error",
        "cause": Cause(code="exit.app-error", summary="exit code 1", confidence=0.9),
    }
    made = Incident(**{**usual, **fields})
    await daemon.journal.put_incident(made)
    return made


@story
async def test_a_crash_is_told_when_it_opens_and_when_it_is_over(house: House) -> None:
    inbox = Inbox(house.clock)
    house.world.programs.set(Program(exit_code=1, after_s=20.0), Program(), service="web")
    async with house.daemon(notifier=inbox) as daemon:
        await settled(daemon, replace(project(WEB), extensions={"x-tabib": {"notify": [URL]}}))
        await daemon.passes(90)
        assert inbox.heads == ["OPEN", "RECOVERED"]
        assert len(set(inbox.titles)) == 1
        [incident] = await daemon.incidents()
        assert incident.id[:12] in inbox.titles[0]
        assert all(f"tabib incident {incident.id[:12]}" in body for body in inbox.bodies)
        assert {url for _, url, _ in inbox.got} == {URL}
        noted = [one.data for one in await daemon.entries("notify")]
        assert [one["what"] for one in noted] == ["intent", "outcome"] * 2
        assert [one.get("delivered") for one in noted] == [None, True] * 2


@story
async def test_the_host_tells_of_every_project_and_the_file_of_its_own(house: House) -> None:
    inbox = Inbox(house.clock)
    async with house.daemon(notifier=inbox, notify=NotifySettings(urls=[OTHER])) as daemon:
        await settled(daemon, told({"url": URL, "min_severity": "critical"}))
        await reported(daemon, 1)
        await reported(daemon, 2, project="elsewhere")
        await reported(daemon, 3, severity="critical")
        await daemon.passes(20)
        assert {url: message.title.count("3 incidents") for _, url, message in inbox.got} == {
            URL: 0, OTHER: 1}  # fmt: skip
        rows = await daemon.notifying.rows()  # type: ignore[union-attr]
        assert [(row["destination"], row["project"], row["state"]) for row in rows] == [
            ("json://****", "tale", "works"), ("form://****", None, "works")]  # fmt: skip


@story
async def test_a_changed_notify_counts_from_the_next_up_on(house: House) -> None:
    inbox = Inbox(house.clock)
    async with house.daemon(notifier=inbox) as daemon:
        await settled(daemon, told(URL))
        assert (await daemon.up(told(OTHER)))["changed"] is False
        await reported(daemon)
        await daemon.passes(20)
        assert [url for _, url, _ in inbox.got] == [OTHER]


@story
async def test_a_url_that_cannot_be_stops_the_up_before_anything_is_done(house: House) -> None:
    inbox = Inbox(house.clock, wrong={URL: "no such service"})
    shop = replace(told(OTHER, URL), places={"x-tabib.notify[1]": "/srv/c.yaml:7:9"})
    async with house.daemon(notifier=inbox) as daemon:
        try:
            await daemon.up(shop)
        except ConfigError as error:
            said = str(error)
            [problem] = error.details["problems"]
        assert said.startswith("/srv/c.yaml:7:9: x-tabib.notify[1]: nothing can be sent to json://")
        assert (problem["line"], problem["column"]) == (7, 9)
        assert CANARY not in said + str(problem)
        assert not (await daemon.tools.engine.observe("tale")).containers


@story
async def test_a_url_of_the_host_that_cannot_be_is_told_and_stops_nothing(house: House) -> None:
    inbox = Inbox(house.clock, wrong={URL: "no such service"})
    settings = NotifySettings(urls=[URL, OTHER])
    async with house.daemon(notifier=inbox, notify=settings) as daemon:
        await daemon.passes(1)
        await reported(daemon)
        await daemon.passes(20)
        assert [url for _, url, _ in inbox.got] == [OTHER]
        wrong, works = await daemon.notifying.rows()  # type: ignore[union-attr]
        assert (wrong["state"], wrong["error"]) == ("wrong", "no such service")
        assert works["state"] == "works"


@story
async def test_what_a_parent_explains_is_not_told(house: House) -> None:
    inbox = Inbox(house.clock)
    async with house.daemon(notifier=inbox, notify=ALL) as daemon:
        parent = await reported(daemon, 1)
        child = await reported(daemon, 2, service="api")
        await daemon.passes(1)
        await daemon.journal.put_incident(replace(child, parent=parent.id))
        await daemon.passes(30)
        assert inbox.titles == [f"[tabib] tale/web on {_host()}: incident {parent.id}"]
        assert "\nExplains the trouble of api\n→ tabib incident" in inbox.bodies[0]
        # What is no one's child any more is told after all.
        await daemon.journal.put_incident(child)
        await daemon.passes(30)
        assert child.id in inbox.titles[1]


@story
async def test_what_ends_because_the_project_is_taken_down_is_told(house: House) -> None:
    inbox = Inbox(house.clock)
    async with house.daemon(notifier=inbox) as daemon:
        await settled(daemon, told(URL))
        await reported(daemon, outcome="needs_human")
        await daemon.passes(20)
        await daemon.down("tale")
        await daemon.passes(20)
        assert inbox.heads == ["NEEDS A PERSON", "CLOSED, NOT CURED"]
        assert len(set(inbox.titles)) == 1


@story
async def test_a_storm_of_a_hundred_is_one_message(house: House) -> None:
    inbox = Inbox(house.clock)
    async with house.daemon(notifier=inbox, notify=ALL) as daemon:
        await daemon.passes(1)
        for number in range(100):
            await reported(daemon, number)
        await daemon.passes(60)
        assert [title.partition(" on ")[0] for title in inbox.titles] == ["[tabib] 100 incidents"]


@story
async def test_somebody_needed_for_something_critical_is_called_at_once_at_night(
    house: House,
) -> None:
    inbox = Inbox(house.clock)
    night = NotifySettings(urls=[URL], quiet_hours="23:00-08:00", timezone="UTC")
    async with house.daemon(notifier=inbox, notify=night) as daemon:
        await daemon.passes(1)
        await reported(daemon, 1)
        await reported(daemon, 2, severity="critical", outcome="needs_human")
        at = daemon.clock.now()
        await daemon.passes(60)
        [(when, _, message)] = inbox.got
        assert (when - at).total_seconds() < 0.1
        assert message.body.startswith("NEEDS A PERSON (critical)")
        await daemon.passes(9 * 3600)
        assert [when.hour for when, _, _ in inbox.got[1:]] == [8]


@story
async def test_a_failing_service_is_tried_ever_more_slowly_and_reported(house: House) -> None:
    inbox = Inbox(house.clock, away={URL})
    async with house.daemon(notifier=inbox, notify=ALL) as daemon:
        await daemon.passes(1)
        await reported(daemon)
        await daemon.passes(3600)
        pauses = [
            round((b - a).total_seconds())
            for a, b in zip(inbox.tried, inbox.tried[1:], strict=False)
        ]
        assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600, 600]
        [row] = await daemon.notifying.rows()  # type: ignore[union-attr]
        assert (row["state"], row["error"], row["waiting"]) == ("failing", "nobody is there", 1)
        inbox.away.clear()
        await daemon.passes(600)
        assert len(inbox.got) == 1
        [row] = await daemon.notifying.rows()  # type: ignore[union-attr]
        assert (row["state"], row["error"], row["waiting"]) == ("works", None, 0)


@story
async def test_after_a_day_without_delivery_it_is_given_up_and_told_so(house: House) -> None:
    inbox = Inbox(house.clock, away={URL})
    async with house.daemon(notifier=inbox, notify=ALL) as daemon:
        await daemon.passes(1)
        await reported(daemon)
        await daemon.passes(25 * 3600)
        [row] = await daemon.notifying.rows()  # type: ignore[union-attr]
        assert (row["given_up"], row["waiting"]) == (1, 0)
        assert (await daemon.entries("notify"))[-1].data["what"] == "given_up"
        before = len(inbox.tried)
        await daemon.passes(3600)
        assert len(inbox.tried) == before


@story
async def test_a_slow_service_holds_up_no_other(house: House) -> None:
    inbox = Inbox(house.clock)
    slow = Inbox(house.clock, slow_s=14.0)

    class Both:
        check = inbox.check

        async def send(self, url: str, message: Any) -> Any:
            return await (slow if url == URL else inbox).send(url, message)

    settings = NotifySettings(urls=[URL, OTHER])
    async with house.daemon(notifier=Both(), notify=settings) as daemon:
        await daemon.passes(1)
        at = daemon.clock.now()
        await reported(daemon, 1)
        await daemon.passes(7)
        await reported(daemon, 2, severity="critical", outcome="needs_human")
        await daemon.passes(60)
        assert [round((when - at).total_seconds()) for when, _, _ in inbox.got] == [5, 7]
        assert [round((when - at).total_seconds()) for when, _, _ in slow.got] == [19, 33]


async def _lives(
    house: House, inbox: Inbox, first: Callable[[Daemon], Any], settings: NotifySettings = ALL
) -> None:
    async with house.daemon(notifier=inbox, notify=settings) as daemon:
        await daemon.passes(1)
        await first(daemon)
    async with house.daemon(notifier=inbox, notify=settings) as daemon:
        await daemon.passes(1200)


@story
async def test_what_waits_outlives_the_daemon_and_is_told_once(house: House) -> None:
    inbox = Inbox(house.clock, away={URL})

    async def first(daemon: Daemon) -> None:
        await reported(daemon)
        await daemon.passes(100)
        inbox.away.clear()

    await _lives(house, inbox, first)
    assert inbox.heads == ["OPEN"]


@story
async def test_what_was_written_when_the_daemon_died_is_told_by_the_next(house: House) -> None:
    inbox = Inbox(house.clock)

    async def first(daemon: Daemon) -> None:
        daemon.journal.on_incident = lambda _: None  # it dies before it hears of it
        await reported(daemon)

    await _lives(house, inbox, first)
    assert inbox.heads == ["OPEN"]


@story
async def test_what_was_told_is_not_told_again_after_a_start(house: House) -> None:
    inbox = Inbox(house.clock)

    async def first(daemon: Daemon) -> None:
        await reported(daemon, outcome="needs_human")
        await daemon.passes(10)

    await _lives(house, inbox, first)
    assert inbox.heads == ["NEEDS A PERSON"]


@story
async def test_what_is_being_sent_when_the_daemon_stops_comes_to_its_end(house: House) -> None:
    inbox = Inbox(house.clock, slow_s=3.0)
    async with house.daemon(notifier=inbox, notify=ALL) as daemon:
        await daemon.passes(1)
        await reported(daemon)
        await daemon.passes(6)
        assert (len(inbox.tried), len(inbox.got)) == (1, 0)
        await reported(daemon, 2, severity="critical", outcome="needs_human")
        assert daemon.notifying is not None
        await daemon.notifying.end(5.0)
        assert len(inbox.got) == 1
    async with house.daemon(notifier=inbox, notify=ALL) as daemon:
        await daemon.passes(60)
    assert inbox.heads == ["OPEN", "NEEDS A PERSON"]


@story
async def test_a_new_destination_is_not_told_what_happened_before(house: House) -> None:
    inbox = Inbox(house.clock)
    async with house.daemon() as daemon:
        await reported(daemon)
        await daemon.passes(10)
    async with house.daemon(notifier=inbox, notify=ALL) as daemon:
        await daemon.passes(60)
    assert inbox.got == []


@story
async def test_what_flaps_is_one_message_with_its_count(house: House) -> None:
    inbox = Inbox(house.clock)
    async with house.daemon(notifier=inbox, notify=ALL) as daemon:
        await daemon.passes(1)
        for number in range(12):
            now = daemon.clock.now()
            one = await reported(daemon, reopened=number, reopened_at=now if number else None)
            await daemon.passes(60)
            over = {"outcome": "recovered", "closed_at": daemon.clock.now()}
            await daemon.journal.put_incident(replace(one, **over))
            await daemon.passes(60)
        await daemon.passes(1200)
        assert inbox.heads == ["OPEN", "RECOVERED"] * 3 + ["FLAPPING", "FLAPPING"]
        assert "came back 3 times" in inbox.bodies[-2]
        assert "came back 11 times" in inbox.bodies[-1]
        assert "RECOVERED" in inbox.bodies[-1]


@story
async def test_no_secret_is_in_a_message_the_journal_or_the_state(house: House) -> None:
    inbox = Inbox(house.clock)
    secret = "planted-Zq81vTTx"
    hook = f"json://127.0.0.1:9/{CANARY}"
    spoken_of = "json://127.0.0.1:9/spoken0f9c1d"
    spoken = Program(exit_code=1, after_s=20.0, log=(f"login with password={secret}-log",))
    house.world.programs.set(spoken, Program(), service="web")
    web = replace(
        WEB,
        spec={
            **WEB.spec,
            "environment": {"API_TOKEN": f"{secret}-env"},
            "command": ["serve", f"--password={secret}-arg"],
            "labels": {"tabib.notify": hook, "app.secret": f"{secret}-label"},
        },
        extension={"notify": [{"url": hook}]},
    )
    settings = NotifySettings(
        urls=[f"json://127.0.0.1/{CANARY}?token={CANARY}", {"url": spoken_of, "on": ["summary"]}]
    )
    async with house.daemon(notifier=inbox, notify=settings) as daemon:
        await settled(daemon, project(web))
        await daemon.passes(90)
        await reported(
            daemon, cause=Cause(code="x.y", summary=f"tried {spoken_of}", confidence=1.0)
        )
        await daemon.passes(20)
        assert "spoken0f9c1d" not in "".join(inbox.bodies)
        assert len(inbox.got) >= 4
        said = "\n".join(message.title + message.body for _, _, message in inbox.got)
        written = b"\n".join(encode(one) for one in await daemon.journal.entries(limit=100_000))
        rows = encode(await daemon.notifying.rows())  # type: ignore[union-attr]
    for word in (CANARY, secret):
        assert word not in said
        assert word.encode() not in written + rows
    files = [file for file in (house.folder / "state").iterdir() if file.is_file()]
    assert len(files) > 3
    for word in (CANARY, secret):
        assert [file.name for file in files if word.encode() in file.read_bytes()] == []


@story
async def test_test_tells_each_and_says_how_it_went(house: House) -> None:
    inbox = Inbox(house.clock, away={OTHER})
    async with house.daemon(notifier=inbox, notify=NotifySettings(urls=[OTHER])) as daemon:
        await settled(daemon, told(URL))
        notifying = daemon.notifying
        assert notifying is not None
        ends = await notifying.test("tale")
        assert [(one["destination"], one["delivered"], one["why"]) for one in ends] == [
            ("json://****", True, None), ("form://****", False, "nobody is there")]  # fmt: skip
        assert inbox.bodies[0].startswith("TEST: ")
        assert [one["destination"] for one in await notifying.test("other")] == ["form://****"]
        [one] = await notifying.test(url="ntfy://topic")
        assert (one["destination"], one["delivered"]) == ("ntfy://****", True)
        assert CANARY not in str(ends)


@story
async def test_a_report_goes_along_where_there_is_one(house: House) -> None:
    inbox = Inbox(house.clock)
    async with house.daemon(notifier=inbox, notify=ALL) as daemon:
        assert daemon.notifying is not None

        async def report(incident: Incident) -> str:
            return f"# {incident.id}\nsee {URL}"

        daemon.notifying.report_with(report)
        one = await reported(daemon)
        await daemon.passes(20)
        [(_, _, message)] = inbox.got
        assert message.report.startswith(f"# {one.id}")
        assert CANARY not in message.report
        assert f"tabib report {one.id}" in message.body


@story
async def test_the_week_is_summed_up_for_who_asks_for_it(house: House) -> None:
    inbox = Inbox(house.clock)
    weekly = NotifySettings(urls=[{"url": URL, "on": ["summary"], "timezone": "UTC"}])
    async with house.daemon(notifier=inbox, notify=weekly) as daemon:
        await daemon.passes(3600)
        await reported(daemon)
        await daemon.passes(8 * 24 * 3600)
        [(at, _, message)] = inbox.got
        assert (at.weekday(), at.hour) == (0, 9)
        assert message.body.startswith("SUMMARY: 1 incidents")


def _host() -> str:
    import socket

    return socket.gethostname()


@story
async def test_through_apprise_to_a_real_receiver_over_a_restart(house: House) -> None:
    """The whole way: care, the outbox, Apprise in a thread, HTTP; it fails, the daemon dies, and
    the next one delivers."""
    web = Program(exit_code=1, after_s=20.0, log=("login with password=planted-Zq81vTTx",))
    house.world.programs.set(web, Program(), service="web")
    with http_receiver() as receiver:
        receiver.status = 500
        url = f"json://ada:{CANARY}@127.0.0.1:{receiver.port}/{CANARY}"
        notifier = house.clock.holding(Services())
        async with house.daemon(notifier=notifier) as daemon:
            shop = replace(project(WEB), extensions={"x-tabib": {"notify": [url]}})
            await settled(daemon, shop)
            await daemon.until(lambda: receiver.got)
            await daemon.passes(3)
            [row] = await daemon.notifying.rows()  # type: ignore[union-attr]
            assert (row["state"], "500" in row["error"]) == ("failing", True)
        receiver.status = 200
        before = len(receiver.got)
        async with house.daemon(notifier=house.clock.holding(Services())) as daemon:
            await daemon.passes(120)
            [row] = await daemon.notifying.rows()  # type: ignore[union-attr]
            assert (row["state"], row["error"]) == ("works", None)
            [incident] = await daemon.incidents()
            entries = b"\n".join(encode(one) for one in await daemon.journal.entries(limit=10_000))
        told = [one.text for one in receiver.got[before:]]
        assert [text for text in told if f"incident {incident.id}" in text] == told
        assert "RECOVERED" in told[-1]
        everything = "\n".join(one.text for one in receiver.got)
        assert CANARY not in everything
        assert "planted-Zq81vTTx" not in everything
    assert CANARY.encode() not in entries
    for file in (house.folder / "state").iterdir():
        assert not file.is_file() or CANARY.encode() not in file.read_bytes(), file.name
