"""What the sampler makes of recorded trees: exact values, and what is missing."""

from __future__ import annotations

import os
from pathlib import Path

from host import trees
from host.trees import named, of
from tabib.host.sampling.container import LAYOUT
from tabib.model.metrics import CONTAINER, INTERFACE, NODE

NO_KNOWN = dict.fromkeys(("state", "health", "restarts", "writable_layer_bytes", "log_bytes"))
NO_PRESSURE = {metric.name: None for metric in CONTAINER if "pressure" in metric.name}
SILENT = dict.fromkeys((metric.name for metric in INTERFACE), 0)


def test_the_parts_stand_in_the_order_of_the_metrics() -> None:
    assert tuple(metric.name for metric in CONTAINER) == LAYOUT


def test_version_1(tmp_path: Path) -> None:
    tree = trees.v1(tmp_path)
    sampler = tree.sampler()
    (container,) = of(sampler.sample([tree.target(state=1, log_bytes=7)]), "container")
    assert container.subject == tree.target().subject
    assert named(container) == {
        "cpu_us": 632_612, "cpu_user_us": 130_000, "cpu_system_us": 500_000,
        "cpu_throttled_us": 1_448_287, "cpu_periods": 35, "cpu_throttled_periods": 28,
        "memory_bytes": 14_569_472, "memory_working_set_bytes": 14_569_472 - 86_016,
        "memory_rss_bytes": 13_762_560, "memory_cache_bytes": 110_592, "memory_swap_bytes": 0,
        "memory_limit_bytes": 64 << 20, "memory_failures": 181, "oom_kills": 1,
        "block_read_bytes": 1_064_960 + 102_400, "block_written_bytes": 6_565_888,
        "block_reads": None, "block_writes": None,
        **SILENT, "network_received_bytes": 2 * 1112, "network_received_packets": 2 * 12,
        "processes": 2, "threads": 6, "open_files": 10,
        "cpu_pressure_us": 1_339_472, "memory_pressure_us": 6_913,
        "memory_pressure_full_us": 6_913, "io_pressure_us": 3_807, "io_pressure_full_us": 3_745,
        **NO_KNOWN, "state": 1, "log_bytes": 7,
    }  # fmt: skip
    (missing,) = sampler.missing
    assert missing.what == "containers' number of disk reads and writes"


def test_interfaces_of_a_container(tmp_path: Path) -> None:
    tree = trees.v1(tmp_path)
    found = of(tree.sampler().sample([tree.target()]), "interface")
    for reading, name in zip(
        sorted(found, key=lambda r: r.subject.id), ("eth0", "eth1"), strict=True
    ):
        subject = reading.subject
        assert (subject.id, subject.name) == (f"{tree.container_id}/{name}", name)
        assert (subject.parent, subject.service) == (tree.container_id, "s")
        values = {"network_received_bytes": 1112, "network_received_packets": 12}
        assert named(reading) == SILENT | values


def test_the_node(tmp_path: Path) -> None:
    (node,) = of(trees.v1(tmp_path).sampler().sample([]), "node")
    assert (node.subject.id, node.subject.engine_id) == ("machine", "engine")
    assert named(node) == {
        "cpu_us": (94784 + 103269 + 40378 + 0 + 460) * 10_000,
        "cpu_user_us": (94784 + 103269) * 10_000, "cpu_system_us": (40378 + 460) * 10_000,
        "cpu_iowait_us": 11_450_000, "cpu_stolen_us": 1_030_000, "cpus": 2,
        "load_1m_hundredths": 706, "load_5m_hundredths": 532, "load_15m_hundredths": 308,
        "memory_total_bytes": 24_684_096 << 10, "memory_available_bytes": 23_721_616 << 10,
        "memory_cache_bytes": (28_144 + 1_858_120) << 10,
        "swap_total_bytes": 0, "swap_used_bytes": 0, "oom_kills": 4,
        **SILENT,
        "network_received_bytes": 1_242_068_817, "network_sent_bytes": 1_798_467,
        "network_received_packets": 30_837, "network_sent_packets": 17_697,
        "block_read_bytes": 10_213_954 * 512, "block_written_bytes": 13_506_272 * 512,
        "processes": 850, "open_files": 3148,
        "cpu_pressure_us": 470_076_711, "memory_pressure_us": 24_190,
        "memory_pressure_full_us": 6_854, "io_pressure_us": 16_301_853,
        "io_pressure_full_us": 6_739_094,
    }  # fmt: skip
    assert len(node.values) == len(NODE)


def test_version_2(tmp_path: Path) -> None:
    tree = trees.v2(tmp_path)
    sampler = tree.sampler()
    (container,) = of(sampler.sample([tree.target()]), "container")
    assert named(container) == {
        "cpu_us": 3_920_000, "cpu_user_us": 3_869_484, "cpu_system_us": 50_515,
        "cpu_throttled_us": 15_580_000, "cpu_periods": 199, "cpu_throttled_periods": 196,
        "memory_bytes": 20_611_072, "memory_working_set_bytes": 20_611_072 - 6_496_256,
        "memory_rss_bytes": 13_574_144, "memory_cache_bytes": 6_545_408, "memory_swap_bytes": 0,
        "memory_limit_bytes": 64 << 20, "memory_failures": 71, "oom_kills": 1,
        "block_read_bytes": 10 << 16, "block_written_bytes": 100 << 16,
        "block_reads": 10, "block_writes": 100,
        **SILENT, "processes": 2, "threads": 6, "open_files": 11,
        **NO_PRESSURE, **NO_KNOWN,
    }  # fmt: skip
    (missing,) = sampler.missing
    assert (missing.what, "psi=1" in missing.how) == ("pressure", True)


def test_version_2_with_pressure(tmp_path: Path) -> None:
    tree = trees.v2(tmp_path)
    line = "avg10=0.00 avg60=0.12 avg300=1.05 total="
    for name, some, full in (("cpu", 11, 0), ("memory", 22, 21), ("io", 33, 32)):
        text = f"some {line}{some}\nfull {line}{full}\n"
        (tree.group / f"{name}.pressure").write_text(text)
    (container,) = of(tree.sampler().sample([tree.target()]), "container")
    found = named(container)
    assert [found[name] for name in NO_PRESSURE] == [11, 22, 21, 33, 32]


def test_version_1_that_counts_disk_traffic(tmp_path: Path) -> None:
    tree = trees.v1(tmp_path)
    top = tree.folder / "cgroup/blkio/blkio.throttle.io_service_bytes_recursive"
    top.write_text("8:0 Read 1\n8:0 Write 1\nTotal 2\n")
    text = "{0} Read {1}\n{0} Write {2}\n{0} Sync 5\n{0} Async 0\n{0} Discard 0\n{0} Total 9\n"
    names = ("io_service_bytes_recursive", "io_serviced_recursive")
    for name, factor in zip(names, (4096, 1), strict=True):
        content = text.format("8:0", 3 * factor, 2 * factor) + text.format("8:16", factor, 0)
        (tree.v1("blkio") / f"blkio.throttle.{name}").write_text(content + "Total 18\n")
    sampler = tree.sampler()
    (container,) = of(sampler.sample([tree.target()]), "container")
    found = named(container)
    assert (found["block_read_bytes"], found["block_written_bytes"]) == (4 * 4096, 2 * 4096)
    assert (found["block_reads"], found["block_writes"]) == (4, 2)
    assert sampler.missing == ()


def test_a_disk_below_another_device_counts_once(tmp_path: Path) -> None:
    tree = trees.v2(tmp_path)
    block = tree.folder / "sys/devices/block"
    for device, number in (("sda", "8:0"), ("sda/sda3", "8:3"), ("dm-0", "253:0")):
        (block / device).mkdir(parents=True)
        (block / device / "dev").write_text(f"{number}\n")
    (block / "sda/sda3/partition").write_text("3\n")
    (block / "dm-0/slaves").mkdir()
    (block / "dm-0/slaves/sda3").symlink_to("../../sda/sda3")
    links = tree.folder / "sys/dev/block"
    links.mkdir(parents=True)
    for name, device in (("8:0", "sda"), ("253:0", "dm-0")):
        (links / name).symlink_to(f"../../devices/block/{device}")
    line = "{} rbytes={} wbytes={} rios={} wios={} dbytes=0 dios=0\n"
    # 1000 bytes through the mapped device, 300 past it
    text = line.format("8:0", 1300, 50, 13, 1) + line.format("253:0", 1000, 90, 10, 2)
    (tree.group / "io.stat").write_text(text)
    (container,) = of(tree.sampler().sample([tree.target()]), "container")
    found = named(container)
    assert (found["block_read_bytes"], found["block_written_bytes"]) == (1300, 90)
    assert (found["block_reads"], found["block_writes"]) == (13, 2)


def test_disks_by_their_mount_points(tmp_path: Path) -> None:
    tree = trees.v1(tmp_path)
    mounts = tree.proc / "self/mountinfo"
    kept = [line for line in mounts.read_text().splitlines() if " / / " not in line]
    kept += [
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw",
        f"2 1 8:2 / {tmp_path} rw - xfs /dev/sda2 rw",
        "3 1 0:9 / /far\\040away rw - nfs4 server:/x rw",
    ]
    mounts.write_text("\n".join(kept) + "\n")
    sampler = tree.sampler(str(tmp_path), str(tree.folder), "/far away/x", "/nowhere/at/all")
    found = of(sampler.sample([]), "disk")
    assert [reading.subject.id for reading in found] == [str(tmp_path)]
    size = os.statvfs(tmp_path)
    assert named(found[0])["size_bytes"] == size.f_blocks * size.f_frsize
    assert "room on /far away" in [missing.what for missing in sampler.missing]
