"""Containers that go, numbers used again, garbage, odd places: nothing raises or is made up."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host import trees
from host.trees import Tree, named, of, target
from tabib.host.sampling import text
from tabib.model.sample import Target

Make = Callable[[Path], Tree]
BOTH = pytest.mark.parametrize("make", [trees.v1, trees.v2])


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@BOTH
def test_who_is_no_target_any_more_keeps_no_descriptor(make: Make, tmp_path: Path) -> None:
    tree = make(tmp_path)
    sampler = tree.sampler()
    sampler.sample([])
    before = _open_files()
    sampler.sample([tree.target()])
    assert _open_files() > before + 3
    assert of(sampler.sample([]), "container") == []
    assert _open_files() == before
    sampler.sample([tree.target()])
    sampler.close()
    sampler.close()
    assert _open_files() < before
    assert of(sampler.sample([tree.target()]), "container")
    sampler.close()


@BOTH
def test_a_container_that_vanishes(make: Make, tmp_path: Path) -> None:
    tree = make(tmp_path)
    sampler = tree.sampler()
    sampler.sample([])
    before = _open_files()
    sampler.sample([tree.target()])
    shutil.rmtree(tree.folder / "cgroup")
    shutil.rmtree(tree.process)
    for _ in range(2):
        sampler.sample([tree.target()])
    sampler.sample([])
    assert _open_files() == before


@BOTH
def test_a_number_that_is_another_process_by_now(make: Make, tmp_path: Path) -> None:
    tree = make(tmp_path)
    (tree.process / "cgroup").write_text("4:memory:/user.slice\n0::/user.slice\n")
    assert of(tree.sampler().sample([tree.target()]), "container") == []


def test_no_process_at_all(tmp_path: Path) -> None:
    tree = trees.v1(tmp_path)
    gone = [target(tree.container_id, 99_999), target(tree.container_id, 0)]
    for each in gone:
        assert of(tree.sampler().sample([each]), "container") == []


def test_restarted_with_another_process(tmp_path: Path) -> None:
    tree = trees.v1(tmp_path)
    sampler = tree.sampler()
    sampler.sample([tree.target()])
    shutil.copytree(tree.process, tree.proc / "4711", symlinks=True)
    (tree.proc / "4711/net/dev").write_text("a\nb\n eth0: 5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0\n")
    (container,) = of(sampler.sample([target(tree.container_id, 4711)]), "container")
    assert named(container)["network_received_bytes"] == 5


def _files(tree: Tree) -> Iterator[Path]:
    for path in sorted(tree.folder.rglob("*")):
        if path.is_file() and path.name != "mountinfo" and "fd" not in path.parts:
            yield path


@BOTH
@pytest.mark.parametrize("content", [None, b"", b"\n", b"garbage\n", b"\xff\x00 1 2", b"a b\nc"])
def test_files_that_are_absent_or_garbage(
    make: Make, content: bytes | None, tmp_path: Path
) -> None:
    """Each in turn: the others' figures stay."""
    tree = make(tmp_path)
    (whole,) = of(tree.sampler().sample([tree.target()]), "container")
    present = sum(value is not None for value in whole.values)
    for path in _files(tree):
        kept = path.read_bytes()
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        sampler = tree.sampler()
        for reading in of(sampler.sample([tree.target()]), "container"):
            left = sum(value is not None for value in reading.values)
            assert present - left <= 8, path
            assert all(v is None or v == w for v, w in _changed(reading, whole)), path
        sampler.close()
        path.write_bytes(kept)


def _changed(reading: object, whole: object) -> list[tuple[int | None, int | None]]:
    """Values that differ, but for what is a sum over files (descriptors, processes, traffic)."""
    sums = ("block_", "network_", "processes", "open_files")
    one, other = named(reading), named(whole)  # type: ignore[arg-type]
    return [(v, other[k]) for k, v in one.items() if v != other[k] and not k.startswith(sums)]


@given(data=st.binary(max_size=400))
def test_no_text_raises(data: bytes) -> None:
    text.number(data)
    text.pressure(data)
    text.interfaces(data)
    text.io_stat(data)
    text.blkio(data)
    table = text.Table("a", "b")
    assert len(table.pick(data)) == 2
    assert table.pick(b"x 1\na 2\nb 3\n") == [2, 3]
    assert table.pick(data) == table.pick(data)


@given(values=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 2**64), min_size=1))
def test_a_table_finds_keys_wherever_they_stand(values: dict[str, int]) -> None:
    table = text.Table("a", "b")
    table.pick(b"z 1\na 2\nb 3\n")
    lines = "".join(f"{key} {value}\n" for key, value in values.items())
    assert table.pick(lines.encode()) == [values.get("a"), values.get("b")]


def test_limit_of_the_kernel_is_none(tmp_path: Path) -> None:
    tree = trees.v1(tmp_path / "1")
    stat = tree.v1("memory") / "memory.stat"
    stat.write_text(stat.read_text().replace(f"limit {64 << 20}", "limit 9223372036854771712"))
    other = trees.v2(tmp_path / "2")
    (other.group / "memory.max").write_text("max\n")
    for each in (tree, other):
        (container,) = of(each.sampler().sample([each.target()]), "container")
        assert named(container)["memory_limit_bytes"] is None


@BOTH
def test_the_network_of_the_machine_is_not_the_containers(make: Make, tmp_path: Path) -> None:
    tree = make(tmp_path)
    own = tree.process / "ns/net"
    own.unlink()
    own.symlink_to(os.readlink(tree.proc / "1/ns/net"))
    readings = tree.sampler().sample([tree.target()])
    assert of(readings, "interface") == []
    assert named(of(readings, "container")[0])["network_received_bytes"] is None


def test_of_containers_in_one_network_the_first_has_it(tmp_path: Path) -> None:
    tree = trees.v1(tmp_path)
    other_id = tree.container_id[::-1]
    other = tree.proc / "4000"
    shutil.copytree(tree.process, other, symlinks=True)
    cgroup = (other / "cgroup").read_text()
    (other / "cgroup").write_text(cgroup.replace(tree.container_id, other_id))
    for controller in ("cpuacct", "cpu", "memory", "pids", "blkio", "unified"):
        shutil.copytree(tree.v1(controller), tree.v1(controller).with_name(other_id))
    head, _, rest = (other / "stat").read_text().rpartition(")")
    words = rest.split()
    words[19] = str(int(words[19]) + 1)
    (other / "stat").write_text(f"{head}) {' '.join(words)}")
    sampler = tree.sampler()
    both = [target(other_id, 4000), tree.target()]

    def owners(targets: list[Target]) -> list[str]:
        found = of(sampler.sample(targets), "container")
        return [r.subject.id for r in found if named(r)["network_received_bytes"] is not None]

    assert owners(both) == [tree.container_id]
    assert owners(both[:1]) == [other_id], "alone it has it"
    assert owners(both) == [tree.container_id]


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("/docker/{}", "docker/{}"),
        ("/docker/{}/init", "docker/{}"),
        ("/docker/outer/docker/{}", "docker/outer/docker/{}"),
        ("/system.slice/docker-{}.scope/init.scope", "system.slice/docker-{}.scope"),
        ("/machine.slice/libpod-{}.scope/container", "machine.slice/libpod-{}.scope"),
        ("/kubepods/burstable/pod1/{}", "kubepods/burstable/pod1/{}"),
    ],
)
def test_where_groups_may_be(path: str, folder: str, tmp_path: Path) -> None:
    tree = trees.v2(tmp_path)
    place = tree.folder / "cgroup" / folder.format(tree.container_id)
    if place != tree.group:
        place.parent.mkdir(parents=True, exist_ok=True)
        tree.group.rename(place)
    (tree.process / "cgroup").write_text(f"0::{path.format(tree.container_id)}\n")
    (container,) = of(tree.sampler().sample([tree.target()]), "container")
    assert named(container)["memory_bytes"] == 20_611_072


def test_processes_of_groups_below_count(tmp_path: Path) -> None:
    tree = trees.v2(tmp_path)
    below = tree.group / "app/worker"
    below.mkdir(parents=True)
    (tree.group / "cgroup.procs").write_text("")
    (below / "cgroup.procs").write_text("687\n694\n")
    (container,) = of(tree.sampler().sample([tree.target()]), "container")
    assert (named(container)["processes"], named(container)["open_files"]) == (2, 11)


def test_a_hierarchy_of_which_a_part_is_seen(tmp_path: Path) -> None:
    """As from within a container with the machine's cgroup namespace."""
    tree = trees.v2(tmp_path)
    mounts = tree.proc / "self/mountinfo"
    here = f"/system.slice/docker-{tree.container_id}.scope"
    (tree.process / "cgroup").write_text(f"0::{here}/docker/{trees.V1_ID}\n")
    line = f"30 20 0:25 {here} /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
    mounts.write_text(line)
    shutil.move(tree.group, tree.folder / "cgroup/docker" / trees.V1_ID)
    (container,) = of(tree.sampler().sample([target(trees.V1_ID, tree.pid)]), "container")
    assert named(container)["memory_bytes"] == 20_611_072


def test_v1_controllers_mounted_together(tmp_path: Path) -> None:
    tree = trees.v1(tmp_path)
    mounts = tree.proc / "self/mountinfo"
    lines = [line for line in mounts.read_text().splitlines() if "/cpu" not in line]
    lines.append("32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct")
    mounts.write_text("\n".join(lines))
    together = tree.folder / f"cgroup/cpu,cpuacct/docker/{tree.container_id}"
    shutil.copytree(tree.v1("cpu"), together)
    shutil.copytree(tree.v1("cpuacct"), together, dirs_exist_ok=True)
    cgroup = [
        line
        for line in (tree.process / "cgroup").read_text().splitlines()
        if ":cpu:" not in line and ":cpuacct:" not in line
    ]
    cgroup.append(f"1:cpu,cpuacct:/docker/{tree.container_id}")
    (tree.process / "cgroup").write_text("\n".join(cgroup))
    (container,) = of(tree.sampler().sample([tree.target()]), "container")
    assert (named(container)["cpu_us"], named(container)["cpu_periods"]) == (632_612, 35)


def test_what_rests_stands_and_what_runs_is_read_anew(tmp_path: Path) -> None:
    tree = trees.v1(tmp_path)
    sampler = tree.sampler()

    def threads() -> int | None:
        (container,) = of(sampler.sample([tree.target()]), "container")
        return named(container)["threads"]

    assert threads() == 6
    (tree.v1("pids") / "pids.current").write_text("9\n")
    seen = [threads() for _ in range(13)]
    assert set(seen) == {6, 9}
    assert seen[-1] == 9, "looked at anew after a while"
    (tree.v1("pids") / "pids.current").write_text("3\n")
    (tree.v1("cpuacct") / "cpuacct.usage").write_text("632612081\n")
    assert threads() == 3, "a nanosecond of CPU is enough"


def test_more_containers_than_descriptors(tmp_path: Path) -> None:
    tree = trees.v1(tmp_path)
    (whole,) = of(tree.sampler().sample([tree.target()]), "container")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    sampler = tree.sampler()
    sampler.sample([])
    assert sampler._opened
    sampler._opened.shared.budget._left = 3
    for _ in range(2):
        (container,) = of(sampler.sample([tree.target()]), "container")
        assert container.values == whole.values
    sampler.close()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] == hard
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= min(soft, hard)


def test_more_members_than_fit_a_page(tmp_path: Path) -> None:
    tree = trees.v2(tmp_path)
    members = "".join(f"{number}\n" for number in range(100_000, 102_500))
    (tree.group / "cgroup.procs").write_text(f"687\n{members}")
    (container,) = of(tree.sampler().sample([tree.target()]), "container")
    assert named(container)["processes"] == 2501
