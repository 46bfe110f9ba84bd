"""`tabib backup`, `snapshots` and `snapshot` against a daemon's double."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Tabib
from support.protocol import Answer, Asked, ProtocolServer, of_error, of_stream
from tabib.cli.render.backup import kept_words
from tabib.cli.render.board import Board

KEY = "canary-key-Zm9sZGVy"
ROW: dict[str, Any] = {
    "id": "3fa21b0c12ab", "project": "shop", "services": ["db", "web"],
    "volumes": ["db-data", "uploads"], "taken_at": "2026-11-25T08:00:00Z", "trigger": "manual",
    "consistent": False, "size_bytes": 40_400_000, "verified_at": None,
    "repository": "/var/lib/tabib/backups/repository", "cluster": "default",
    "ended_at": "2026-11-25T08:00:09Z", "reason": "asked for by ada@host", "consistency": "live",
    "consistencies": {"db-data": "database", "uploads": "live"}, "together": False,
    "added_bytes": 2_900_000, "release": 3, "hold": False, "complete": True, "damaged": False,
    "drill": None,
}  # fmt: skip
PART: dict[str, Any] = {
    "name": "db-data", "kind": "postgres", "service": "db", "services": ["db"],
    "place": {"type": "volume", "source": "shop_db-data"}, "target": "/var/lib/postgresql/data",
    "form": "tar", "consistency": "database", "taken_at": "2026-11-25T08:00:00Z",
    "ended_at": "2026-11-25T08:00:04Z", "version": "15.4", "image": "postgres:15",
    "size_bytes": 40_000_000, "added_bytes": 2_800_000, "warnings": [],
    "record": {"tables": [{"name": "a", "rows": 1200}, {"name": "b", "rows": 34}]},
}  # fmt: skip
FILES = PART | {
    "name": "uploads", "kind": "files", "service": "web", "form": "files", "consistency": "live",
    "version": "", "size_bytes": 400_000, "record": {"kind": "files", "files": 12},
    "warnings": ["copied while web ran: each file as it was met"],
}  # fmt: skip
PAGE = ROW | {"parts": [PART, FILES]}
STEP = {"id": "copy_data:db-data", "verb": "copy_data", "subject": "db-data"}
PLAN: dict[str, Any] = {
    "project": "shop",
    "datasets": [
        {"name": "db-data", "kind": "postgres", "service": "db", "services": ["db"],
         "covered": True, "method": "", "why": "PostgreSQL keeps its data there",
         "place": {"type": "volume", "source": "shop_db-data"}, "target": "/d", "hooks": ["before"],
         "files": []},
        {"name": "cache", "kind": "cache", "service": "web", "services": ["web"],
         "covered": False, "method": "", "why": "it is a cache", "target": "/c", "hooks": [],
         "place": {"type": "volume", "source": "shop_cache"}, "files": []},
    ],
    "policy": {"enabled": True, "schedule": "0 3 * * *", "timezone": "Europe/Berlin",
               "drill_schedule": "0 5 * * 0", "together": False,
               "keep": {"last": 3, "hourly": 0, "daily": 7, "weekly": 4, "monthly": 12,
                        "yearly": 0, "within_days": 0.0}},
    "next_at": "2026-11-26T02:00:00Z", "next_drill_at": "2026-11-29T04:00:00Z", "frozen": "",
    "repositories": [{"name": "/r", "append_only": True, "limit_upload_kib": 1000,
                      "state": "none yet", "why": ""}],
    "retention": [{"snapshot": "3fa21b0c12ab", "taken_at": "2026-11-25T08:00:00Z",
                   "trigger": "manual", "repository": "/r", "keep": False,
                   "reasons": ["older than all that is kept"]}],
}  # fmt: skip


def taken(**more: Any) -> Answer:
    result = {"snapshot": ROW, "let_go": [], "key_shown": True, "seconds": 9.2}
    return of_stream(
        {"type": "operation", "id": "o1", "name": "backup", "project": "shop"},
        {"type": "plan", "project": "shop", "release": None, "steps": [STEP], "notes": []},
        {"type": "step", **STEP, "state": "started"},
        {"type": "progress", **STEP, "text": "", "current_bytes": 1, "total_bytes": 40_000_000},
        {"type": "step", **STEP, "state": "done"},
        {"type": "result", **result, **more},
    )


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody reads along."""
    monkeypatch.setattr("tabib.cli.exports.is_terminal", lambda stream: True)
    monkeypatch.setattr("tabib.cli.console.is_terminal", lambda stream: True)


# ── backup ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("project")
def test_a_backup_ends_with_a_sentence(tabib: Tabib, daemon: ProtocolServer) -> None:
    daemon.on("POST /v1/projects/shop/backup", taken())
    done = tabib("backup", "db")
    assert (done.code, done.out) == (0, "")
    assert "data      db-data  copying" in done.err
    last = done.err.splitlines()[-3:]
    assert "method: pause" in last.pop()
    assert last[0] == (
        "snapshot 3fa21b0c12ab: 40.4 MB of 2 data sets of shop in 9.2 s; it added 2.9 MB to "
        "/var/lib/tabib/backups/repository"
    )
    assert last[1].startswith("  consistent: db-data (by database); not consistent: uploads, ")
    [asked] = daemon.to("POST /v1/projects/shop/backup")
    assert asked.json["services"] == ["db"]
    assert asked.json["by"].startswith("ada@")
    assert tabib("backup", "--json").json == [ROW]
    assert tabib("backup", "-q").err == ""


@pytest.mark.usefixtures("project")
def test_wrong_options(tabib: Tabib, daemon: ProtocolServer) -> None:
    for words in (
        ("backup", "--key", "db"),
        ("backup", "--all", "db"),
        ("backup", "--plan", "db"),
        ("backup", "--yes"),
        ("snapshot", "3f", "lss"),
        ("snapshot", "3f", "ls", "-o", "x"),
        ("snapshot", "3f", "--hold", "--unhold"),
        ("snapshot", "3f", "rm", "uploads"),
        ("snapshots", "--key-file", "x"),
    ):
        assert tabib(*words).code == 2, words
    assert "Did you mean ls?" in tabib("snapshot", "3f", "lss").err
    assert [one.path for one in daemon.asked] == []


def test_what_could_be_copied_is_named_before_the_error(
    tabib: Tabib, daemon: ProtocolServer
) -> None:
    error = {
        "kind": "copy_failed", "happened": "the server refuses", "attempted": "back up",
        "target": "db-data", "advice": "", "details": {"snapshot": "3f", "data_sets": ["db-data"]},
    }  # fmt: skip
    daemon.on("POST /v1/projects/shop/backup", of_stream({"type": "error", "error": error}))
    done = tabib("-p", "shop", "backup")
    assert done.code == 6
    assert "snapshot 3f is incomplete: it holds all but db-data" in done.err
    assert "cannot back up db-data: the server refuses" in done.err


def test_all_projects_in_care(tabib: Tabib, daemon: ProtocolServer) -> None:
    rows = [
        {"project": name, "in_care": name != "stranger"} for name in ("a", "b", "c", "stranger")
    ]
    daemon.on("GET /v1/projects", rows)
    daemon.on("POST /v1/projects/a/backup", of_stream({"type": "error", "error": {
        "kind": "usage", "happened": "nothing holds data"}}))  # fmt: skip
    daemon.on(
        "POST /v1/projects/b/backup",
        of_stream(
            {
                "type": "error",
                "error": {
                    "kind": "repository_locked",
                    "happened": "it is locked",
                    "attempted": "back up",
                },
            }
        ),
    )
    daemon.on("POST /v1/projects/c/backup", taken())
    done = tabib("backup", "--all")
    assert done.code == 3, "the worst of them"
    assert "a: nothing holds data" in done.err
    assert "cannot back up: it is locked" in done.err
    assert "snapshot 3fa21b0c12ab" in done.err, "one that fails holds up no other"
    assert not daemon.to("POST /v1/projects/stranger/backup")


def test_the_plan(tabib: Tabib, daemon: ProtocolServer) -> None:
    daemon.on("GET /v1/projects/shop/backup/plan", PLAN)
    assert tabib("-p", "shop", "backup", "--plan", "--json").json == [PLAN]
    text = tabib("-p", "shop", "backup", "--plan").out
    for words in (
        "shop: 1 of 2 data sets backed up",
        "db-data: PostgreSQL keeps its data there",
        "by PostgreSQL, while it runs; hooks: before",
        "cache: it is a cache",
        "0 3 * * * (Europe/Berlin); next 2026-11-26",
        "0 5 * * 0 (Europe/Berlin); next 2026-11-29",
        "the last 3, 7 daily, 4 weekly, 12 monthly",
        "/r: made by the first backup, append-only: nothing is removed, at most 1.0 MB/s",
        "let go   older than all that is kept",
    ):
        assert words in text, text
    assert not [one for one in daemon.asked if one.method == "POST"], "it does nothing"


def test_a_plan_of_what_is_off_says_so(tabib: Tabib, daemon: ProtocolServer) -> None:
    off = {**PLAN, "policy": {**PLAN["policy"], "enabled": False}}
    daemon.on("GET /v1/projects/shop/backup/plan", off)
    text = tabib("-p", "shop", "backup", "--plan").out
    assert "1 of 2 data sets backed up by hand; none by itself" in text
    assert "by hand only (`tabib backup`): `enabled: false`" in text


def test_what_is_kept_in_words() -> None:
    assert kept_words({}) == "everything"
    assert kept_words({"daily": 2, "within_days": 30.0}) == "2 daily, all of 30 days"


# ── the key ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("project", "terminal")
def test_the_key_is_shown_after_the_first_backup(tabib: Tabib, daemon: ProtocolServer) -> None:
    daemon.on("POST /v1/projects/shop/backup", taken(key_shown=False))
    daemon.on("POST /v1/backup/key", {"key": KEY, "shown_at": None, "shown_to": None})
    done = tabib("--progress", "plain", "backup")
    assert KEY in done.err
    assert "outside of this machine" in done.err
    assert KEY not in done.out
    assert daemon.to("POST /v1/backup/key")[0].json["again"] is False
    daemon.on("POST /v1/projects/shop/backup", taken())
    assert KEY not in tabib("--progress", "plain", "backup").err


@pytest.mark.usefixtures("project")
def test_the_key_goes_into_no_file_by_itself(tabib: Tabib, daemon: ProtocolServer) -> None:
    daemon.on("POST /v1/projects/shop/backup", taken(key_shown=False))
    daemon.on("POST /v1/backup/key", {"key": KEY, "shown_at": None, "shown_to": None})
    done = tabib("backup")
    assert done.code == 0
    assert "`tabib backup --key` shows it" in done.err
    refused = tabib("backup", "--key")
    assert (refused.code, refused.out) == (3, "")
    assert not daemon.to("POST /v1/backup/key")
    meant = tabib("backup", "--key", "--yes")
    assert (meant.code, meant.out) == (0, f"{KEY}\n")
    assert daemon.to("POST /v1/backup/key")[0].json["again"] is True


@pytest.mark.usefixtures("terminal")
def test_a_key_that_was_shown_wants_yes(tabib: Tabib, daemon: ProtocolServer) -> None:
    daemon.on(
        "POST /v1/backup/key",
        of_error(
            409,
            kind="needs_confirmation",
            happened="it was shown to ada on 2026-11-25",
            attempted="show",
            target="the key",
            advice="`tabib backup --key --yes` shows it again.",
        ),
    )
    done = tabib("backup", "--key")
    assert done.code == 3
    assert "--key --yes" in done.err


# ── snapshots ──────────────────────────────────────────────────────────────────────────────────


def test_the_table(tabib: Tabib, daemon: ProtocolServer) -> None:
    drill = {"at": "2026-11-25T09:00:00Z", "outcome": "failed", "checks": ["no table a"],
             "phases": [], "rto_seconds": 0}  # fmt: skip
    rows = [
        ROW,
        ROW | {"id": "b", "hold": True, "complete": False, "verified_at": "2026-11-25T09:00:00Z"},
        ROW | {"id": "c", "damaged": True, "trigger": "damage", "drill": drill},
    ]
    daemon.on("GET /v1/snapshots", rows)
    assert tabib("-p", "shop", "snapshots", "--json").json == rows
    assert tabib("-p", "shop", "snapshots", "-q").out.split() == ["3fa21b0c12ab", "b", "c"]
    heading, first, second, third = tabib("-p", "shop", "snapshots").out.splitlines()
    assert "PROJECT" not in heading
    for words in ("40.4 MB", "2.9 MB", "by hand", "live: uploads", "not verified"):
        assert words in first
    assert "held, incomplete" in second
    assert " ago " in second
    assert "drill failed" in third
    assert "of damaged data" in third
    assert daemon.to("GET /v1/snapshots")[0].query["project"] == ["shop"]
    daemon.on("GET /v1/snapshots", [])
    assert tabib("snapshots", "shop").err == "no snapshots of shop; `tabib backup` takes one\n"


def test_a_repository_is_read_directly(
    tabib: Tabib, daemon: ProtocolServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    daemon.on("POST /v1/repository/snapshots", [ROW])
    (tmp_path / "key").write_text(f"{KEY}\n")
    done = tabib("snapshots", "--repository", "s3:https://u:p@h/b", "--key-file",
                 str(tmp_path / "key"))  # fmt: skip
    assert "shop" in done.out
    [asked] = daemon.to("POST /v1/repository/snapshots")
    assert asked.json["key"] == KEY
    assert asked.json["address"]["url"] == "s3:https://u:p@h/b"
    assert asked.json["address"]["environment"] == {"AWS_SECRET_ACCESS_KEY": "canary"}
    assert KEY not in asked.path + str(asked.query) + str(asked.headers)
    for name, words in (("none", "No such file"), ("empty", "holds no key")):
        (tmp_path / "empty").write_text("two words")
        wrong = tabib("snapshots", "--repository", "/r", "--key-file", str(tmp_path / name))
        assert wrong.code == 2
        assert words in wrong.err
    daemon.on("POST /v1/repository/snapshots", [])
    none = tabib("snapshots", "--repository", "s3:https://u:p@h/b")
    assert none.err == "no snapshots in s3:https://h/b\n"


# ── one ────────────────────────────────────────────────────────────────────────────────────────


def test_the_page(tabib: Tabib, daemon: ProtocolServer) -> None:
    daemon.on("GET /v1/snapshots/3f", PAGE)
    text = tabib("snapshot", "3f").out
    for words in (
        "snapshot 3fa21b0c12ab of shop",
        "by hand: asked for by ada@host",
        "it added 2.9 MB to /var/lib/tabib/backups/repository",
        "no: no drill has restored it yet",
        "postgres 15.4",
        "db-data: 2 tables with 1,234 rows",
        "uploads: 12 files",
        "uploads: copied while web ran",
    ):
        assert words in text, text
    assert tabib("snapshot", "3f", "--json").json == PAGE
    drill = {
        "at": "2026-11-25T09:00:00Z",
        "outcome": "passed",
        "rto_seconds": 12.0,
        "phases": [{"name": "restore", "seconds": 3.0}],
        "checks": ["2 tables as recorded"],
    }
    daemon.on("GET /v1/snapshots/3f", PAGE | {"drill": drill, "verified_at": drill["at"]})
    drilled = tabib("snapshot", "3f").out
    assert "restored, booted and checked in 12 s" in drilled
    assert "2 tables as recorded" in drilled


def test_what_lies_in_it(tabib: Tabib, daemon: ProtocolServer) -> None:
    daemon.on("GET /v1/snapshots/3f/entries", [
        {"path": "uploads/in", "type": "dir", "size_bytes": 0, "mode": 0o755, "uid": 0, "gid": 0,
         "modified_at": "2026-11-25T08:00:00Z"},
        {"path": "uploads/x\x1b[31m", "type": "file", "size_bytes": 5, "mode": 0o640, "uid": 7,
         "gid": 8, "modified_at": None},
    ])  # fmt: skip
    _, folder, file = tabib("snapshot", "3f", "ls", "uploads").out.splitlines()
    assert folder.startswith("drwxr-xr-x")
    assert folder.endswith("uploads/in/")
    assert file.split()[:4] == ["-rw-r-----", "7:8", "5", "B"]
    assert "\x1b" not in file, "a file's name does not steer the terminal"
    assert daemon.to("GET /v1/snapshots/3f/entries")[0].query["path"] == ["uploads"]


def test_hold_and_rm(tabib: Tabib, daemon: ProtocolServer) -> None:
    daemon.on("GET /v1/snapshots/3f", PAGE)
    daemon.on("POST /v1/snapshots/3f/hold", ROW)
    assert "is held" in tabib("snapshot", "3f", "--hold").err
    assert "retention again" in tabib("snapshot", "3f", "--unhold").err
    assert [one.json["hold"] for one in daemon.to("POST /v1/snapshots/3f/hold")] == [True, False]
    daemon.on("DELETE /v1/snapshots/3f", of_stream({"type": "result", "removed": "3fa21b0c12ab"}))
    asked = tabib("snapshot", "3f", "rm")
    assert asked.code == 3
    assert "rm --yes" in asked.err
    assert not daemon.to("DELETE /v1/snapshots/3f")
    assert "removed snapshot 3fa21b0c12ab" in tabib("snapshot", "3f", "rm", "--yes").err


def test_an_error_reads_well(tabib: Tabib, daemon: ProtocolServer) -> None:
    daemon.on(
        "GET /v1/snapshots/3e",
        of_error(
            404,
            kind="not_found",
            happened="there is no such snapshot",
            attempted="show snapshot",
            target="3e",
            advice="Did you mean 3f?",
        ),
    )
    done = tabib("snapshot", "3e")
    assert done.code == 2
    assert done.err == (
        "tabib: cannot show snapshot 3e: there is no such snapshot\n  → Did you mean 3f?\n"
    )


# ── content ────────────────────────────────────────────────────────────────────────────────────


class Content:
    """The content of a snapshot; ``breaks``: off after its first piece."""

    def __init__(self, *chunks: bytes, kind: str = "file", name: str = "x", breaks: bool = False):
        self.chunks, self.kind, self.name, self.breaks = chunks, kind, name, breaks

    def __call__(self, asked: Asked) -> Answer:
        headers = {"X-Tabib-Type": self.kind, "X-Tabib-Name": self.name}
        return Answer(self._pieces(), headers=headers, kind="application/octet-stream")

    def _pieces(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            yield chunk
            if self.breaks:
                raise BrokenPipeError


@pytest.fixture
def raw(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """What goes to standard output as bytes."""
    out = io.BytesIO()
    monkeypatch.setattr("tabib.cli.exports.binary_output", lambda: out)
    return out


def test_cat(tabib: Tabib, daemon: ProtocolServer, raw: io.BytesIO) -> None:
    daemon.on("GET /v1/snapshots/3f/content", Content(b"al\0", b"pha"))
    assert tabib("snapshot", "3f", "cat", "uploads/a").code == 0
    assert raw.getvalue() == b"al\0pha"


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (Content("grüße\n".encode()), 0),
        (Content("ü".encode()[:1]), 0),  # The rest of the letter is in the next piece.
        (Content(b"\0"), 3),
        (Content(b"\xff\xfe rest of it"), 3),
        (Content(b"\x1b[2J"), 3),
        (Content(b"text", kind="tar"), 3),
    ],
)
def test_a_terminal_is_spared(
    tabib: Tabib, daemon: ProtocolServer, raw: io.BytesIO, content: Content, code: int
) -> None:
    daemon.on("GET /v1/snapshots/3f/content", content)
    assert tabib("snapshot", "3f", "cat", "uploads/a").code == code
    assert raw.getvalue() == (b"".join(content.chunks) if code == 0 else b"")


def test_export(
    tabib: Tabib, daemon: ProtocolServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    daemon.on("GET /v1/snapshots/3f", PAGE)
    daemon.on("GET /v1/snapshots/3f/content", Content(b"al", b"pha", name="up%2Floads.tar"))
    done = tabib("snapshot", "3f", "export", "uploads/a")
    assert done.code == 0, done.err
    made = tmp_path / "loads.tar"
    assert made.read_bytes() == b"alpha"
    assert made.stat().st_mode & 0o077 == 0, "it may hold what nobody else may read"
    again = tabib("snapshot", "3f", "export", "uploads/a")
    assert again.code == 2
    assert "such a file already" in again.err
    assert tabib("snapshot", "3f", "export", "uploads/a", "-o", "named").code == 0
    assert Path("named").read_bytes() == b"alpha"
    Path("folder").mkdir()
    assert tabib("snapshot", "3f", "export", "uploads/a", "-o", "folder").code == 0
    assert os.listdir("folder") == ["loads.tar"]
    nowhere = tabib("snapshot", "3f", "export", "uploads/a", "-o", "gone/named")
    assert nowhere.code == 2
    assert "cannot write gone/named" in nowhere.err


def test_all_data_sets_become_a_file_each(
    tabib: Tabib, daemon: ProtocolServer, tmp_path: Path
) -> None:
    daemon.on("GET /v1/snapshots/3f", PAGE)

    def content(asked: Asked) -> Answer:
        [path] = asked.query["path"]
        return Content(b"x", name=f"{path}.tar")(asked)

    daemon.on("GET /v1/snapshots/3f/content", content)
    done = tabib("snapshot", "3f", "export", "-o", str(tmp_path / "one-file"))
    assert done.code == 2
    (tmp_path / "out").mkdir()
    assert tabib("snapshot", "3f", "export", "-o", str(tmp_path / "out")).code == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["db-data.tar", "uploads.tar"]


def test_a_copy_that_breaks_off_leaves_no_file(
    tabib: Tabib, daemon: ProtocolServer, tmp_path: Path
) -> None:
    daemon.on("GET /v1/snapshots/3f", PAGE)
    daemon.on("GET /v1/snapshots/3f/content", Content(b"al", b"pha", breaks=True))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("good")
    done = tabib("snapshot", "3f", "export", "uploads/a", "-o", str(tmp_path / "out" / "old"))
    assert done.code == 5
    assert "could not be read to its end" in done.err
    assert os.listdir(tmp_path / "out") == ["old"]
    assert (tmp_path / "out" / "old").read_text() == "good"


# ── progress ───────────────────────────────────────────────────────────────────────────────────


def test_rate_and_time_left() -> None:
    board = Board()
    board.apply({"type": "plan", "steps": [STEP]}, 0.0)
    board.apply({"type": "progress", **STEP, "current_bytes": 9, "total_bytes": 1000}, 0.5)
    assert [row.text for row in board.rows.values()] == ["first pass"]
    board.apply({"type": "step", **STEP, "state": "started"}, 1.0)

    def bytes_(count: int, now: float) -> None:
        board.apply({"type": "progress", **STEP, "current_bytes": count, "total_bytes": 1000}, now)

    bytes_(0, 1.0)
    bytes_(50, 1.5)
    [row] = board.rows.values()
    assert row.group == "data"
    assert row.rate(1.5) is None, "too early to say"
    bytes_(400, 5.0)
    assert row.rate(5.0) == 100.0
    assert row.seconds_left(5.0) == 6.0
    board.apply({"type": "step", **STEP, "state": "done"}, 9.0)
    assert (row.text, row.state, row.rate(9.0)) == ("copied", "done", None)
