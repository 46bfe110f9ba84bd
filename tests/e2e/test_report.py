"""A container breaks on a real engine; its report tells what happened, in each format."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from support.installation import Installation, until

SERVICE = """
services:
  api:
    image: busybox:1.36
    command:
      - sh
      - -c
      - |
        echo serving with $$API_TOKEN
        while [ ! -f /tmp/break ]; do usleep 200000; done
        rm /tmp/break
        echo 'FATAL: <script>the disk</script> is gone'
        exit 3
    init: true
    mem_limit: 64m
    environment: {API_TOKEN: canary-e2e-3b91f0}
    stop_grace_period: 1s
"""
RECORDED_S = 12.0
"""A few readings before the trouble, of one each five seconds."""


def _recovered(tabib: Installation) -> dict[str, Any] | None:
    found = [one for one in tabib.incidents(tabib.prefix) if one["outcome"] == "recovered"]
    return found[0] if found else None


def test_the_report_of_a_container_that_broke(tabib: Installation, tmp_path: Path) -> None:
    folder = tabib.project(tmp_path / "p", SERVICE)
    tabib("up", cwd=folder, timeout_s=120).well()
    time.sleep(RECORDED_S)
    tabib("exec", "-T", "api", "touch", "/tmp/break", cwd=folder).well()
    incident = until(lambda: _recovered(tabib), 60, "the incident recovers")
    id = incident["id"]

    took = []
    for _ in range(3):
        done = tabib("report", id, "-o", "r.html", cwd=folder).well()
        took.append(done.seconds)
    page = (folder / "r.html").read_text("utf-8")
    for said in (
        f"<h1>{tabib.prefix}/api: ",
        "it died with exit code 3",
        "started it again",
        "yes: recovered after",
        "FATAL: &lt;script&gt;the disk&lt;/script&gt; is gone",
        "evidence sealed",
        "Memory available",
        incident["cause"]["code"],
    ):
        assert said in page, said
    assert "<script" not in page
    assert "serving with" in page
    assert page.count("<svg ") >= 3
    assert "limit 67.1 MB" in page
    assert len(page) < 500_000

    text = tabib("report", id, cwd=folder).well().out
    assert len(text.splitlines()) <= 60
    assert "> FATAL: <script>the disk</script> is gone" in text
    assert "**Did it work:** yes" in text
    made = tabib("report", id, "--json", cwd=folder).json
    assert made["incident"]["id"] == id
    assert made["cases"][0]["exit_code"] == 3

    days = tabib("report", "--project", tabib.prefix, "--since", "7d", cwd=folder).well().out
    assert "1 incident, 1 recovered" in days
    summed = tabib("report", "--all", "--json", cwd=folder).json
    assert summed["incidents"] == 1
    assert [one["number"] for one in summed["releases"]] == [1]
    assert summed["availability"][0]["trouble_seconds"] > 0
    assert f"tabib report {id} -o" in tabib("incident", id).well().out
    for output in (page, text, json.dumps(made), days, json.dumps(summed)):
        assert "canary-e2e" not in output
    beside = min(tabib("incident", id).well().seconds for _ in range(3))
    print(
        f"\nreport as a page: {min(took):.2f} s, the first {took[0]:.2f} s, {len(page)} bytes; "
        f"tabib incident: {beside:.2f} s"
    )
