"""Looking at a project while it runs, and once it is gone: the commands on a real engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from setup import engine_api

from support.installation import Installation, until

PROJECT = """
services:
  busy:
    image: busybox:1.36
    command: ["sh", "-c", "while :; do i=0; while [ $$i -lt 3000 ]; do i=$$((i+1)); done; echo ERROR request failed; sleep 0.2; done"]
    init: true
    stop_grace_period: 0s
    mem_limit: 64m
  job:
    image: busybox:1.36
    command: ["sh", "-c", "sleep 1; exit 5"]
    restart: "no"
"""  # noqa: E501
PATIENCE_S = 30.0


@pytest.fixture
def tabib(engine: engine_api.Engine, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path / "s", engine)
    try:
        yield made
    finally:
        made.clear()


@pytest.mark.root
def test_while_it_runs_and_once_it_is_gone(tabib: Installation, tmp_path: Path) -> None:
    here = tabib.project(tmp_path / "p", PROJECT)
    name = f"{tabib.prefix}-busy-1"
    tabib("up", "--no-wait", cwd=here)

    def busy() -> bool:
        rows = tabib("top", "--json", cwd=here).json["containers"]
        return any(row["name"] == name and row["cpu_cores"] for row in rows)

    until(busy, PATIENCE_S, "CPU of a busy container")
    (id,) = [row["id"] for row in tabib("top", "busy", "--json", cwd=here).json["containers"]]
    tabib("top", "--no-stream", cwd=here).ended(0, name, "CPU%")
    text = tabib("metrics").well().out
    figures = {one.name for one in text_string_to_metric_families(text)}
    assert {"container_cpu_usage_seconds", "machine_memory_bytes"} <= figures

    def failed() -> bool:
        rows = tabib("processes", "job", "--failed", "--json", cwd=here).json
        return [row["exit_code"] for row in rows] == [5]

    until(failed, PATIENCE_S, "the record of a process that failed")
    until(lambda: "died with exit code 5" in tabib("events", "job", cwd=here).out, PATIENCE_S,
          "the event of a death")  # fmt: skip
    until(lambda: tabib("logs", "--patterns", "--json", cwd=here).json, PATIENCE_S, "a pattern")
    assert tabib("inspect", "busy", "--json", cwd=here).well()
    assert "every" in tabib("daemon", "status").well().out
    tabib("down", cwd=here).well()

    gone = tabib("logs", "busy", "-n", "2", "--no-log-prefix", cwd=here).well()
    assert gone.out == "ERROR request failed\n" * 2
    assert "does not exist any more" in gone.err
    # Without any file: by its name, and by the beginning of its id.
    for target in (name, id[:8]):
        charts = tabib("history", target, "--json").json["charts"]
        memory = next(one for one in charts if one["metric"] == "memory_working_set_bytes")
        assert any(point["mean"] for point in memory["points"])
        rows = tabib("processes", target, "--all", "--json").json
        assert {row["container_id"] for row in rows} == {id}
    tabib("history", name, "--width", "60").ended(0, "CPU", "memory")
    svg = tabib("history", name, "--svg", "-").well().out
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    then = tabib("inspect", name, "--at", charts[0]["points"][-1]["at"]).well()
    assert "Set-up" in then.out
    tabib("history", f"{name}x").ended(2, f"Did you mean {name}?")
