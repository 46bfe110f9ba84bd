"""Apprise against real receivers: what arrives, what fails with which reason, and what leaks."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from email import message_from_string
from email.header import decode_header, make_header

import pytest

from support.receivers import http_receiver, smtp_receiver
from tabib.model.notice import Message
from tabib.notify.services import Services

CANARY = "canary9f3ac17e"
MESSAGE = Message(
    title="[tabib] shop/api: incident 1a2b",
    body="OPEN (error): äöü killed\n→ tabib incident 1a2b",
    severity="error",
    report="# Report\n\nall of it\n",
)


async def test_json_takes_title_text_and_report() -> None:
    with http_receiver() as receiver:
        url = f"json://ada:{CANARY}@127.0.0.1:{receiver.port}/hook/{CANARY}"
        sent = await Services().send(url, MESSAGE)
    assert (sent.delivered, sent.why) == (True, "")
    [got] = receiver.got
    assert got.path == f"/hook/{CANARY}"
    said = json.loads(got.body)
    assert said["title"] == MESSAGE.title
    assert "äöü killed" in said["message"]
    assert "tabib incident 1a2b" in said["message"]
    [attached] = said["attachments"]
    assert attached["filename"] == "report.md"
    assert CANARY not in got.text


async def test_form_is_a_form() -> None:
    with http_receiver() as receiver:
        sent = await Services().send(f"form://127.0.0.1:{receiver.port}/x", MESSAGE)
    assert sent.delivered
    assert "multipart/form-data" in receiver.got[0].kind
    assert "incident 1a2b" in receiver.got[0].text


async def test_ntfy_is_reached_without_the_internet() -> None:
    with http_receiver() as receiver:
        sent = await Services().send(f"ntfy://127.0.0.1:{receiver.port}/{CANARY}", MESSAGE)
    assert sent.delivered
    assert receiver.got


async def test_what_is_too_long_for_a_service_comes_in_pieces() -> None:
    with http_receiver() as receiver:
        long = Message(title="t", body="\n".join(f"- line {n} of many" for n in range(800)))
        sent = await Services().send(f"ntfy://127.0.0.1:{receiver.port}/topic", long)
    assert sent.delivered
    assert len(receiver.got) > 1
    assert "line 799 of many" in receiver.got[-1].text


async def test_a_mail_has_the_title_as_its_subject_and_the_report_beside_it() -> None:
    with smtp_receiver() as receiver:
        url = (
            f"mailto://127.0.0.1:{receiver.port}?mode=insecure&from=tabib@example.org"
            "&to=ada@example.org"
        )
        sent = await Services().send(url, MESSAGE)
    assert (sent.delivered, sent.why) == (True, "")
    mail = message_from_string(receiver.mails[0])
    assert str(make_header(decode_header(mail["Subject"]))) == MESSAGE.title
    names = [part.get_filename() for part in mail.walk() if part.get_filename()]
    assert names == ["report.md"]


async def test_a_mail_that_is_refused_says_why() -> None:
    with smtp_receiver() as receiver:
        receiver.refuse = True
        url = (
            f"mailto://127.0.0.1:{receiver.port}?mode=insecure&from=a@example.org&to=b@example.org"
        )
        sent = await Services().send(url, MESSAGE)
    assert not sent.delivered
    assert sent.why


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_a_service_that_says_no_is_a_failure_with_its_reason(status: int) -> None:
    with http_receiver() as receiver:
        receiver.status = status
        sent = await Services().send(f"json://127.0.0.1:{receiver.port}/{CANARY}", MESSAGE)
    assert not sent.delivered
    assert str(status) in sent.why
    assert CANARY not in sent.why


async def test_nobody_listens() -> None:
    with http_receiver() as receiver:
        port = receiver.port
    sent = await Services().send(f"json://u:{CANARY}@127.0.0.1:{port}/{CANARY}", MESSAGE)
    assert not sent.delivered
    assert sent.why
    assert CANARY not in sent.why


async def test_a_service_that_never_ends_is_left_and_not_called_twice() -> None:
    services = Services(deadline_s=1.0)
    with http_receiver() as receiver:
        receiver.trickle = True
        url = f"json://127.0.0.1:{receiver.port}/"
        begun = time.monotonic()
        sent = await services.send(url, MESSAGE)
        assert time.monotonic() - begun < 3
        assert sent.why == "no answer within 1 s"
        again = await services.send(url, MESSAGE)
        assert "still hangs" in again.why
        assert len(receiver.got) == 1
        with http_receiver() as other:
            assert (await services.send(f"json://127.0.0.1:{other.port}/", MESSAGE)).delivered


async def test_sending_at_once_mixes_no_reasons() -> None:
    with http_receiver() as good, http_receiver() as bad, http_receiver() as worse:
        bad.status, worse.status = 403, 500
        good.wait_s = bad.wait_s = worse.wait_s = 0.3
        services = Services()
        ends = await asyncio.gather(
            *(
                services.send(f"json://127.0.0.1:{one.port}/{n}", MESSAGE)
                for one in (good, bad, worse)
                for n in range(4)
            )
        )
    assert [end.delivered for end in ends] == [True] * 4 + [False] * 8
    assert all("403" in end.why and "500" not in end.why for end in ends[4:8])
    assert all("500" in end.why and "403" not in end.why for end in ends[8:])


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"slack://{CANARY}/x", ""),
        (f"tgramm://{CANARY}/x", "did you mean tgram://?"),
        (f"https://example.org/{CANARY}", "jsons://"),
        (f"json://[{CANARY}", ""),
        (f"twilio://{CANARY}:x@1/2", "invalid Twilio Account SID"),
        ("discord://", "Discord"),
    ],
)
async def test_a_url_that_cannot_be_says_why_without_itself(url: str, words: str) -> None:
    why = await Services().check(url)
    assert why
    assert words in why
    assert CANARY not in why.lower()
    assert (await Services().send(url, MESSAGE)).delivered is False


@pytest.mark.parametrize(
    "url",
    [
        "json://localhost/x",
        "ntfy://topic",
        "tgram://123456789:abcdefghijklmnopqrstuvwxyz012345678/1234",
        "mailto://ada:secret@gmail.com",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
    ],
)
async def test_good_urls_pass(url: str) -> None:
    assert await Services().check(url) == ""


async def test_nothing_of_it_reaches_a_log(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with http_receiver() as receiver, caplog.at_level(logging.DEBUG):
        receiver.status = 500
        await Services().send(f"json://a:{CANARY}@127.0.0.1:{receiver.port}/{CANARY}", MESSAGE)
    await Services().send(f"json://a:{CANARY}@127.0.0.1:1/{CANARY}", MESSAGE)
    said = capfd.readouterr()
    assert CANARY not in said.out + said.err + caplog.text
