"""The user's files, also those that are none."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tabib.cli.files import RealFiles


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 300_000)
    assert RealFiles().read(str(tmp_path / "f")) == b"x" * 300_000


def test_a_pipe_that_nobody_writes_into_is_given_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    began = time.monotonic()
    with pytest.raises(OSError, match="nobody writes"):
        RealFiles().read(str(tmp_path / "pipe"))
    assert time.monotonic() - began < 5


def test_a_pipe_with_a_writer_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"a" * 200_000 + b"z"), daemon=True)
    writer.start()
    found = RealFiles().read(str(pipe))
    writer.join()
    assert found == b"a" * 200_000 + b"z"


def test_an_endless_device_is_not_read_to_its_end() -> None:
    assert len(RealFiles().read("/dev/zero")) <= 16 << 20
    assert RealFiles().read("/dev/null") == b""


@pytest.mark.parametrize("path", ["a\0b", "\ud800", "x" * 5000, "/proc/self/mem", "/"])
def test_a_path_that_is_no_file_is_an_os_error(path: str) -> None:
    files = RealFiles()
    with pytest.raises(OSError):
        files.read(path)
    assert not files.is_file(path) or path == "/proc/self/mem"
    files.real_path(path)


def test_a_pipe_of_the_shell_may_take_its_time(tmp_path: Path) -> None:
    text = "services: {a: {image: x}}"
    command = f"{sys.executable} -m tabib -f <(sleep 1.3; echo '{text}') config --services"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "a\n", done.stderr


def test_a_device_as_the_compose_file_is_refused_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tabib", "-f", "/dev/zero", "config", "-q"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 4
    assert "/dev/zero: the file is larger than 4 MB" in done.stderr
