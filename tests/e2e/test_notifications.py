"""Somebody is told: the real command, daemon and engine, Apprise, and a receiver on loopback."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from support.installation import Installation, until
from support.receivers import HttpReceiver, http_receiver

CANARY = "canary9f3ac17e"
PLANTED = "planted-Zq81vTTx"
FRAGILE = f"""
x-tabib:
  notify: ["${{HOOK}}"]
services:
  fragile:
    image: busybox:1.36
    command: ["sh", "-c", "echo password={PLANTED}-log; trap 'exit 9' USR1; while :; do sleep 0.1; done", "--token={PLANTED}-arg"]
    environment: {{API_TOKEN: {PLANTED}-env}}
    labels: {{app.secret: {PLANTED}-label}}
"""  # noqa: E501
TOLD_S = 60.0


def texts(receiver: HttpReceiver) -> str:
    return "\n".join(one.text for one in receiver.got)


def attached(receiver: HttpReceiver) -> str:
    """What came along with the newest message."""
    (file,) = json.loads(receiver.got[-1].text)["attachments"]
    return base64.b64decode(file["base64"]).decode()


def test_a_crash_is_told_also_over_a_death_of_the_daemon(
    tabib: Installation, tmp_path: Path
) -> None:
    folder = tabib.project(tmp_path / "p", FRAGILE)
    name = f"{tabib.prefix}-fragile-1"
    with http_receiver() as receiver:
        url = f"json://ada:{CANARY}@127.0.0.1:{receiver.port}/{CANARY}"
        (folder / ".env").write_text(f"HOOK={url}\n")
        tabib("up", cwd=folder).well()

        done = tabib("notify", "test", cwd=folder).well()
        assert f"delivered  json://**** ({tabib.prefix})" in done.out
        assert "TEST: " in texts(receiver)

        tabib.engine.call("POST", f"/containers/{name}/kill", query=[("signal", "USR1")])
        until(lambda: "RECOVERED" in texts(receiver), TOLD_S, "the message that it is over")
        assert tabib.prefix in texts(receiver)
        assert "tabib report " in texts(receiver)
        report = attached(receiver)
        assert "fragile" in report
        assert CANARY not in report
        assert PLANTED not in report

        receiver.status = 503
        before = len(receiver.got)
        tabib.engine.call("POST", f"/containers/{name}/kill", query=[("signal", "USR1")])
        until(lambda: len(receiver.got) > before, TOLD_S, "an attempt")
        done = tabib("notify", "test", cwd=folder).ended(1, "failed", "503")
        until(
            lambda: tabib("notify", "ls", "--json", cwd=folder).json[0]["state"] == "failing",
            10,
            "the failure to be known",
        )
        assert "failing json://****" in tabib("daemon", "status").out
        tabib.kill_daemon()
        receiver.status = 200
        before = len(receiver.got)
        tabib("ps", cwd=folder).well()
        until(lambda: len(receiver.got) > before, TOLD_S, "what had waited")
        rows = until(
            lambda: [
                one
                for one in tabib("notify", "ls", "--json", cwd=folder).json
                if one["state"] == "works" and not one["waiting"]
            ],
            TOLD_S,
            "nothing to wait any more",
        )
        assert [row["error"] for row in rows] == [None]

        reading = (("incidents", "--json"), ("notify", "ls", "--json"), ("releases", "--json"))
        shown = [tabib(*words, cwd=folder).out for words in reading]
        for word in (CANARY, PLANTED):
            assert word not in texts(receiver)
            assert word not in "".join(shown)
            for file in tabib.state.rglob("*"):
                held = file.is_file() and word.encode() in file.read_bytes()
                assert not held, f"{file.name} holds {word}"


def test_a_url_that_cannot_be_is_named_by_its_place(tabib: Installation, tmp_path: Path) -> None:
    folder = tabib.project(
        tmp_path / "p",
        "x-tabib:\n  notify:\n    - json://127.0.0.1:9/x\n"
        f"    - tgramm://{CANARY}/4711\nservices:\n  a: {{image: 'busybox:1.36'}}\n",
    )
    done = tabib("up", cwd=folder).ended(4, "compose.yaml:5:7", "did you mean tgram://?")
    assert CANARY not in done.out + done.err
    assert tabib.containers() == {}
