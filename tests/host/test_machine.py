"""The boot, the disk, the clock and our own figures."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC
from pathlib import Path

import pytest

from tabib.host.boot import boot_id
from tabib.host.clock import SystemClock
from tabib.host.disk import room
from tabib.host.process import own_figures


def test_the_boot_has_an_id_that_stays(tmp_path: Path) -> None:
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", boot_id())
    assert boot_id() == boot_id()
    assert boot_id(tmp_path) == ""


def test_own_figures_follow_what_we_take(tmp_path: Path) -> None:
    before = own_figures()
    ballast = bytearray(os.urandom(1024)) * (64 * 1024)
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    after = own_figures()
    assert after.memory_bytes - before.memory_bytes >= len(ballast) * 0.9
    assert after.cpu_seconds > before.cpu_seconds
    assert own_figures(tmp_path).memory_bytes == 0


def test_room_shrinks_with_what_is_written(tmp_path: Path) -> None:
    found = room(tmp_path)
    assert 0 < found.free_bytes <= found.total_bytes
    assert found.free_inodes <= found.total_inodes
    with pytest.raises(FileNotFoundError):
        room(tmp_path / "nowhere")


async def test_the_clock() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert abs(clock.now().timestamp() - time.time()) < 1
    started = clock.monotonic()
    await clock.sleep(0.02)
    assert clock.monotonic() - started >= 0.02
