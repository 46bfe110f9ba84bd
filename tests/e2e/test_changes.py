"""A file that changes: only what changed is recreated, each change is a release."""

from __future__ import annotations

from pathlib import Path

from support.installation import Installation

MAIN = """
services:
  main:
    image: busybox:1.36
    command: ["sleep", "3600"]
    init: true
    environment: {WORD: from the file}
"""
OTHER = """
  other:
    image: busybox:1.36
    command: ["sleep", "3600"]
    init: true
"""


def test_a_changed_file_recreates_only_what_changed(tabib: Installation, tmp_path: Path) -> None:
    text = MAIN + OTHER
    folder = tabib.project(tmp_path / "p", text)
    tabib("up", cwd=folder).well()
    before = {name: one["Id"] for name, one in tabib.containers(tabib.prefix).items()}
    tabib.project(folder, text.replace("from the file", "from the changed file"))
    plan = tabib("up", "--dry-run", cwd=folder).well().out
    assert "main" in plan
    tabib("up", cwd=folder).well()
    after = {name: one["Id"] for name, one in tabib.containers(tabib.prefix).items()}
    main, other = f"{tabib.prefix}-main-1", f"{tabib.prefix}-other-1"
    assert (before[main] != after[main], before[other] == after[other]) == (True, True)
    tabib("exec", "-T", "main", "sh", "-c", "echo $WORD", cwd=folder).ended(
        0, "from the changed file"
    )
    releases = tabib("-p", tabib.prefix, "releases", "--json").json
    assert [one["number"] for one in releases] == [2, 1]
    assert all(one["verdict"] == "good" for one in releases)
    # A service that is gone from the file is named, and goes when that is asked for.
    tabib.project(folder, MAIN)
    tabib("up", cwd=folder).ended(0, other)
    assert tabib.running(other)
    tabib("up", "--remove-orphans", cwd=folder).well()
    assert tabib.inspect(other) is None
