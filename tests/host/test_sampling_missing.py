"""What cannot be recorded is said once, with the reason and the remedy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from host import trees
from host.trees import Tree, of, target
from tabib.host.sampling import KernelSampler


def _said(tree: Tree, pid: int = 0) -> dict[str, str]:
    sampler = tree.sampler()
    for _ in range(3):
        sampler.sample([target(tree.container_id, pid or tree.pid)])
    found = sampler.missing
    assert len({missing.what for missing in found}) == len(found)
    assert all(missing.why and missing.how for missing in found)
    return {missing.what: missing.how for missing in found}


def test_no_control_groups_in_sight(tmp_path: Path) -> None:
    tree = trees.v2(tmp_path)
    (tree.proc / "self/mountinfo").write_text("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n")
    assert "--cgroupns host" in _said(tree)["containers' CPU, memory and disk traffic"]


def test_groups_outside_of_what_is_seen(tmp_path: Path) -> None:
    """In a control group namespace of its own, a process sees the others' as ``/../…``."""
    tree = trees.v2(tmp_path)
    (tree.process / "cgroup").write_text(f"0::/../docker-{tree.container_id}.scope\n")
    (tree.folder / "cgroup/system.slice").rename(tree.folder / "away")
    assert "--cgroupns host" in _said(tree)["containers' CPU, memory and disk traffic"]


def test_processes_of_another_namespace(tmp_path: Path) -> None:
    tree = trees.v1(tmp_path)
    assert "containers" not in _said(tree, pid=99_999), "it may just have ended"
    link = tree.proc / "self/ns/pid"
    link.unlink()
    link.symlink_to("pid:[4026532999]")
    assert "--pid host" in _said(tree, pid=99_999)["containers"]


def test_memory_controller_off(tmp_path: Path) -> None:
    """As on Raspberry Pi OS."""
    tree = trees.v2(tmp_path)
    (tree.folder / "cgroup/cgroup.controllers").write_text("cpuset cpu io pids\n")
    assert "cgroup_enable=memory" in _said(tree)["containers' memory"]


def test_pressure_off_and_pressure_without_version_2(tmp_path: Path) -> None:
    off = trees.v2(tmp_path / "off")
    assert "psi=1" in _said(off)["pressure"]
    old = trees.v1(tmp_path / "old")
    mounts = old.proc / "self/mountinfo"
    kept = [line for line in mounts.read_text().splitlines() if "cgroup2" not in line]
    mounts.write_text("\n".join(kept))
    assert "unified_cgroup_hierarchy=1" in _said(old)["containers' pressure"]


def test_others_networks_are_not_told_to_everybody(tmp_path: Path) -> None:
    tree = trees.v1(tmp_path)
    (tree.process / "ns/net").unlink()
    assert "CAP_SYS_PTRACE" in _said(tree)["containers' network traffic"]
    assert of(tree.sampler().sample([tree.target()]), "interface") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up root's rights")
def test_for_who_is_not_root(tmp_path: Path) -> None:
    """In a child, for rights do not come back."""
    tree = trees.v1(tmp_path)
    for path in (tmp_path, *tmp_path.parents):
        if path.owner() == "root" and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o755)
    for path in (*tree.proc.glob("*/io"), tree.v1("memory") / "memory.oom_control"):
        path.chmod(0)
    for path in tree.proc.glob("*/fd"):
        path.chmod(0)
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setuid(65534)
        said = _said(tree)
        expected = {
            "containers' disk traffic",
            "some figures of containers",
            "containers' open files",
        }
        os._exit(0 if expected <= said.keys() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_on_this_machine_all_that_is_missing_has_a_remedy() -> None:
    sampler = KernelSampler("engine", os.uname().nodename, ["/"])
    readings = sampler.sample([])
    assert {reading.subject.kind for reading in readings} == {"node", "disk"}
    for missing in sampler.missing:
        assert missing.how
    sampler.close()
