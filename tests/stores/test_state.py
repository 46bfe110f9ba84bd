"""The state folder: rights, identity, the one daemon's lock, folders of volumes."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tabib.model.errors import Bug, Refused, StateUnusable
from tabib.stores.lock import holder_pid
from tabib.stores.state import StateDir
from tabib.stores.volumes import generation_path, generations, generations_supported

SMALL = 1024 * 1024


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_is_made_with_tight_rights(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        state = StateDir.open(tmp_path / "a" / "b", reserve_bytes=SMALL)
    finally:
        os.umask(old)
    assert _mode(state.path) == 0o700
    assert {_mode(path) for path in state.path.iterdir()} == {0o600}
    assert (state.path / "reserve").stat().st_blocks * 512 >= SMALL


def test_wide_rights_are_tightened(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    StateDir.open(tmp_path, reserve_bytes=SMALL)
    assert _mode(tmp_path) == 0o700


def test_an_installation_stays_itself(tmp_path: Path) -> None:
    first = StateDir.open(tmp_path / "one", reserve_bytes=SMALL).installation
    assert StateDir.open(tmp_path / "one", reserve_bytes=SMALL).installation == first
    assert StateDir.open(tmp_path / "two", reserve_bytes=SMALL).installation != first
    assert len(first) == 32


def test_opened_at_once_by_many_it_is_one_installation(tmp_path: Path) -> None:
    found: list[str] = []
    barrier = threading.Barrier(8)

    def opener() -> None:
        barrier.wait()
        found.append(StateDir.open(tmp_path / "s", reserve_bytes=SMALL).installation)

    threads = [threading.Thread(target=opener) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_broken_identity_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "installation").write_text("??")
    with pytest.raises(StateUnusable) as caught:
        StateDir.open(tmp_path, reserve_bytes=SMALL)
    assert caught.value.details["code"] == "damaged"
    assert (tmp_path / "installation").read_text() == "??"


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StateUnusable, match="File exists"):
        StateDir.open(tmp_path / "state")


def test_the_reserve_comes_and_goes(tmp_path: Path) -> None:
    state = StateDir.open(tmp_path, reserve_bytes=SMALL)
    assert (state.mode(), state.status().reserve_bytes) == ("act", SMALL)
    assert state.give_up_reserve() is True
    assert state.give_up_reserve() is False
    assert (state.mode(), state.status().reserve_bytes) == ("observe", 0)
    assert state.restore_reserve() is True
    assert state.mode() == "act"


def test_a_vanished_folder_does_not_act(tmp_path: Path) -> None:
    state = StateDir.open(tmp_path / "s", reserve_bytes=SMALL)
    for file in state.path.iterdir():
        file.unlink()
    state.path.rmdir()
    assert state.mode() == "observe"
    assert state.restore_reserve() is False


# ── the lock ───────────────────────────────────────────────────────────────────────────────────

HOLDER = """
import sys, time
from pathlib import Path
from tabib.stores.state import StateDir
lock = StateDir.open(Path(sys.argv[1]), reserve_bytes=0).lock()
print("held", flush=True)
time.sleep(60)
"""


def test_one_daemon_only(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    state = StateDir.open(tmp_path, reserve_bytes=0)
    try:
        with pytest.raises(Refused, match=f"pid {holder.pid}") as caught:
            state.lock()
        assert caught.value.details["pid"] == holder.pid
        assert "tabib daemon stop" in caught.value.advice
        assert holder_pid(tmp_path / "daemon.lock") == holder.pid
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert holder_pid(tmp_path / "daemon.lock") is None
    with state.lock() as lock:
        assert holder_pid(tmp_path / "daemon.lock") == os.getpid()
        with pytest.raises(Refused):
            state.lock()
    lock.release()
    assert holder_pid(tmp_path / "daemon.lock") is None
    assert holder_pid(tmp_path / "nowhere") is None


def test_children_do_not_inherit_the_lock(tmp_path: Path) -> None:
    state = StateDir.open(tmp_path, reserve_bytes=0)
    with state.lock():
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        state.lock().release()
    finally:
        child.kill()
        child.wait()


# ── volumes ────────────────────────────────────────────────────────────────────────────────────


def test_folders_of_volumes(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        state = StateDir.open(tmp_path, reserve_bytes=0)
        assert not state.volume_directory("v1", 1).exists()
        made = [state.make_volume_directory("v1", number) for number in (1, 10, 2)]
    finally:
        os.umask(old)
    assert made[0] == tmp_path / "volumes" / "v1" / "g1" == state.volume_directory("v1", 1)
    assert _mode(made[0]) == 0o755
    assert {_mode(tmp_path / "volumes"), _mode(tmp_path / "volumes" / "v1")} == {0o700}
    assert generations(tmp_path, "v1") == [1, 2, 10]
    assert generations(tmp_path, "v2") == []


def test_what_an_application_made_of_its_folder_stays(tmp_path: Path) -> None:
    state = StateDir.open(tmp_path, reserve_bytes=0)
    folder = state.make_volume_directory("v1", 1)
    folder.chmod(0o750)
    (folder / "data").write_text("kept")
    assert state.make_volume_directory("v1", 1) == folder
    assert _mode(folder) == 0o750
    assert (folder / "data").read_text() == "kept"


@pytest.mark.parametrize(
    ("volume_id", "generation"),
    [("", 1), ("..", 1), ("a/b", 1), ("a", 0), ("a", -1), (".x", 1), ("a\n", 1), ("x" * 200, 1)],
)
def test_no_id_leads_elsewhere(tmp_path: Path, volume_id: str, generation: int) -> None:
    with pytest.raises(Bug):
        generation_path(tmp_path, volume_id, generation)


def test_generations_are_for_root() -> None:
    assert generations_supported(0)
    assert not generations_supported(1000)
