"""Who holds a port: real sockets of this process, and recorded /proc trees."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tabib.host.ports import PortHolder, port_holder

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid ...\n"


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_listener_of_our_own(family: socket.AddressFamily) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1" if family is socket.AF_INET else "::1", 0))
        port = listener.getsockname()[1]
        assert port_holder(port) is None, "bound, but it does not listen"
        listener.listen()
        holder = port_holder(port)
        assert holder is not None
        assert holder.pid == os.getpid()
        assert holder.command == Path("/proc/self/comm").read_text().strip()
        assert holder.address == listener.getsockname()[0]
        assert str(holder) == f"{holder.command} (pid {os.getpid()})"
        assert port_holder(port, "udp") is None
    assert port_holder(port) is None


def test_a_udp_socket() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.2", 0))
        port = bound.getsockname()[1]
        holder = port_holder(port, "udp", "127.0.0.2")
        assert holder is not None
        assert (holder.pid, holder.protocol) == (os.getpid(), "udp")
        assert port_holder(port, "udp", "127.0.0.1") is None
        assert port_holder(port, "udp", "0.0.0.0") is not None


def test_another_process() -> None:
    program = (
        "import socket,sys; s=socket.socket(); s.bind(('0.0.0.0', 0)); s.listen();"
        "print(s.getsockname()[1], flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        holder = port_holder(int(other.stdout.readline()), host_ip="127.0.0.1")
        assert holder is not None
        assert (holder.pid, holder.address) == (other.pid, "0.0.0.0")
        other.communicate("")


def _proc(tmp_path: Path, **files: str) -> Path:
    """A recorded /proc: ``net`` tables by name; the owner is pid 4242 with socket 777."""
    (tmp_path / "net").mkdir()
    for name, text in files.items():
        (tmp_path / "net" / name).write_text(HEADER + text)
    return tmp_path


def _owner(proc: Path, comm: str, cmdline: str, cgroup: str = "0::/\n") -> None:
    folder = proc / "4242"
    (folder / "fd").mkdir(parents=True)
    os.symlink("socket:[777]", folder / "fd" / "4")
    os.symlink("/dev/null", folder / "fd" / "0")
    (folder / "comm").write_text(f"{comm}\n")
    (folder / "cmdline").write_text(cmdline.replace(" ", "\0") + "\0")
    (folder / "cgroup").write_text(cgroup)


TCP_LINE = "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 777 1\n"


def test_docker_proxy_names_its_container(tmp_path: Path) -> None:
    proc = _proc(tmp_path, tcp=TCP_LINE)
    _owner(
        proc,
        "docker-proxy",
        "/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8080 "
        "-container-ip 172.18.0.5 -container-port 80",
    )
    assert port_holder(8080, proc=proc) == PortHolder(
        port=8080,
        protocol="tcp",
        address="0.0.0.0",
        pid=4242,
        command="docker-proxy",
        container_address="172.18.0.5",
        container_port=80,
    )


@pytest.mark.parametrize(
    "cgroup",
    [
        "12:memory:/docker/{id}\n1:name=systemd:/docker/{id}\n",
        "0::/system.slice/docker-{id}.scope\n",
        "0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope\n",
    ],
)
def test_a_process_on_the_host_network_of_a_container(tmp_path: Path, cgroup: str) -> None:
    container = "0123456789abcdef" * 4
    proc = _proc(tmp_path, tcp=TCP_LINE)
    _owner(proc, "nginx", "nginx -g x", cgroup.format(id=container))
    holder = port_holder(8080, proc=proc)
    assert holder is not None
    assert (holder.command, holder.container_id) == ("nginx", container)


def test_a_holder_that_cannot_be_seen_is_unknown(tmp_path: Path) -> None:
    holder = port_holder(8080, proc=_proc(tmp_path, tcp=TCP_LINE))
    assert holder == PortHolder(port=8080, protocol="tcp", address="0.0.0.0")
    assert str(holder) == "a process of another user"


def test_addresses_of_both_families(tmp_path: Path) -> None:
    rest = "00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 777 1\n"
    proc = _proc(
        tmp_path,
        tcp=f"   0: 0100007F:1F90 {rest}",
        tcp6=f"   0: 00000000000000000000000001000000:1F91 {rest}"
        f"   1: 0000000000000000FFFF00000100007F:1F92 {rest}"
        f"   2: 00000000000000000000000000000000:1F93 {rest}",
    )
    found = [port_holder(port, proc=proc) for port in range(0x1F90, 0x1F94)]
    assert [one and one.address for one in found] == ["127.0.0.1", "::1", "127.0.0.1", "::"]
    assert port_holder(0x1F90, host_ip="192.0.2.1", proc=proc) is None
    assert port_holder(0x1F93, host_ip="192.0.2.1", proc=proc) is not None


def test_no_proc_at_all(tmp_path: Path) -> None:
    assert port_holder(80, proc=tmp_path) is None
