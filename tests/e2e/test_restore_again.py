"""What a person's restore means: asked for again after a death, and for what was open before it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from support.installation import Installation, until
from support.real_engine import ensure_images

pytestmark = [pytest.mark.root, pytest.mark.slow]

KEEPER = """
x-tabib: {backup: {schedule: never, drill: never}}
services:
  keeper:
    image: busybox:1.36
    init: true
    command: [sleep, "1000000"]
    volumes: ["data:/data"]
volumes: {data: {}}
"""


def test_also_where_the_copy_of_what_is_replaced_was_stored_without_a_word(
    tabib: Installation, tmp_path: Path
) -> None:
    """The death came between the copy's last byte and its line in the journal; the next restore
    finds that copy again on its way, and it is the newest."""
    ensure_images("restic/restic:0.18.1")
    folder = tabib.project(tmp_path / "p", KEEPER)

    def sh(script: str) -> str:
        words = ("exec", "-T", "keeper", "sh", "-c", script)
        return tabib(*words, cwd=folder).well().out.strip()

    def before_change() -> list[str]:
        rows = tabib("snapshots", "--json", cwd=folder)
        return [one["id"] for one in rows.json if one["trigger"] == "before_change"]

    tabib("up", cwd=folder).well()
    sh("echo old > /data/word")
    tabib("backup", cwd=folder).well()
    sh("echo new > /data/word")
    asked = tabib.begin("restore", "--yes", cwd=folder)
    (stored,) = until(before_change, 60, "the copy of what is replaced")
    tabib.kill_daemon()
    asked.communicate(timeout=60)
    with closing(sqlite3.connect(tabib.state / "journal.sqlite3")) as journal, journal:
        assert journal.execute("delete from snapshot where id = ?", [stored]).rowcount == 1
        ended = "delete from entry where kind = 'operation_ended' and seq = (select max(seq) from "
        ended += "entry where kind = 'operation_ended' and project like '%:' || ?)"
        journal.execute(ended, [tabib.prefix])
    tabib("daemon", "start").well()
    said = tabib("restore", "--yes", cwd=folder).well()
    assert stored in before_change(), "it was not found again, and proves nothing"
    assert sh("cat /data/word") == "old", said


ENDS = """
x-tabib: {care: advise, backup: {schedule: never, drill: never}}
services:
  keeper:
    image: busybox:1.36
    init: true
    command: [sh, -c, "while [ ! -e /data/end ]; do sleep 0.1; done; exit 3"]
    volumes: ["data:/data"]
volumes: {data: {}}
"""


def test_what_was_open_about_a_service_that_runs_on_restored_data_is_over(
    tabib: Installation, tmp_path: Path
) -> None:
    ensure_images("restic/restic:0.18.1")
    folder = tabib.project(tmp_path / "p", ENDS)
    tabib("up", cwd=folder).well()
    tabib("backup", cwd=folder).well()
    tabib("exec", "-T", "keeper", "touch", "/data/end", cwd=folder).well()
    until(lambda: tabib.incidents(tabib.prefix), 60, "an incident of its end")
    tabib("restore", "--yes", cwd=folder).well()
    (incident,) = tabib.incidents(tabib.prefix)
    assert incident["outcome"] == "recovered"
