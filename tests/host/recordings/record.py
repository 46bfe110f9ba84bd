"""Record what the sampler reads of one container, as a tree that it can read again.

``python3 tests/host/recordings/record.py FOLDER CONTAINER_ID PID``, as root on the machine itself;
needs nothing but Python. What was recorded how stands in ``README.md``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
GROUP_FILES = (
    "cgroup.controllers", "cgroup.procs", "pids.current", "cpu.stat",
    "cpu.pressure", "memory.pressure", "io.pressure",
    "memory.current", "memory.stat", "memory.swap.current", "memory.max", "memory.events",
    "io.stat", "cpuacct.usage", "cpuacct.stat",
    "memory.usage_in_bytes", "memory.failcnt", "memory.memsw.failcnt", "memory.oom_control",
    "blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_serviced_recursive",
)  # fmt: skip
NODE_FILES = (
    "stat", "meminfo", "loadavg", "vmstat", "sys/fs/file-nr",
    "pressure/cpu", "pressure/memory", "pressure/io",
)  # fmt: skip


def main(folder: Path, container_id: str, pid: str) -> None:
    proc = folder / "proc"
    for name in NODE_FILES:
        copy(Path("/proc") / name, proc / name)
    for name in ("cgroup", "stat", "net/dev"):
        copy(Path("/proc") / pid / name, proc / pid / name)
    link(f"/proc/{pid}/ns/net", proc / pid / "ns/net")
    link("/proc/self/ns/net", proc / "1/ns/net")
    link("/proc/self/ns/pid", proc / "self/ns/pid")
    lines = Path("/proc/self/mountinfo").read_text().splitlines(keepends=True)
    kept = [line for line in lines if "cgroup" in line or " / / " in line]
    write(proc / "self/mountinfo", "".join(kept))
    for line in (Path("/proc") / pid / "cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for top in tops(controllers):
            group(top / path.lstrip("/"), folder / "cgroup", proc)
            inside = top.relative_to(CGROUPS)
            for name in ("cgroup.controllers", "blkio.throttle.io_service_bytes_recursive"):
                copy(top / name, folder / "cgroup" / inside / name)
    devices(folder / "sys")


def tops(controllers: str) -> list[Path]:
    """Where a line of ``/proc/PID/cgroup`` is mounted."""
    if controllers:
        return [CGROUPS / name for name in controllers.split(",") if (CGROUPS / name).is_dir()]
    return [CGROUPS / "unified" if (CGROUPS / "unified").is_dir() else CGROUPS]


def group(source: Path, target: Path, proc: Path) -> None:
    """One control group, and the number of open files of each of its processes."""
    below = target / source.relative_to(CGROUPS)
    if below.exists() or not source.is_dir():
        return
    for name in GROUP_FILES:
        copy(source / name, below / name)
    for member in (source / "cgroup.procs").read_text().split():
        copy(Path("/proc") / member / "io", proc / member / "io")
        for number in os.listdir(f"/proc/{member}/fd"):
            write(proc / member / "fd" / number, "")


def devices(target: Path) -> None:
    for source in Path("/sys/class/net").iterdir():
        if (source / "device").exists():
            write(target / "class/net" / source.name / "device/uevent", "")
            for name in (source / "statistics").iterdir():
                if name.name.startswith(("rx_", "tx_")):
                    copy(name, target / "class/net" / source.name / "statistics" / name.name)
    for source in Path("/sys/block").iterdir():
        if (source / "device").exists():
            write(target / "block" / source.name / "device/uevent", "")
            copy(source / "stat", target / "block" / source.name / "stat")


def copy(source: Path, target: Path) -> None:
    try:
        write(target, source.read_text())
    except OSError:
        return


def write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def link(source: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.symlink_to(os.readlink(source))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
