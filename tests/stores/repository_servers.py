"""Real servers that repositories are kept on, on loopback; each gone with its context."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tabib.model.backup import RepositoryAddress

RCLONE = Path(sys.executable).parent / "rclone"
ACCESS, SECRET = "AKTABIBTESTS", "tabib-tests-secret-1"
_START_S = 15.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(words: Sequence[str], port: int, folder: Path) -> Iterator[None]:
    """``words`` run until the context is left, once something listens on ``port``."""
    environment = {**os.environ, "RCLONE_CONFIG": str(folder / "rclone.conf")}
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _START_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < deadline, "the server does not listen"
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.wait(10)


@contextmanager
def s3(folder: Path) -> Iterator[RepositoryAddress]:
    port = free_port()
    data = folder / "s3"
    (data / "bucket").mkdir(parents=True)
    words = [str(RCLONE), "serve", "s3", str(data), f"--addr=127.0.0.1:{port}"]
    with served([*words, f"--auth-key={ACCESS},{SECRET}"], port, folder):
        yield RepositoryAddress(
            url=f"s3:http://127.0.0.1:{port}/bucket/tabib",
            environment={"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET},
        )


@contextmanager
def rest(folder: Path, *flags: str) -> Iterator[RepositoryAddress]:
    port = free_port()
    data = folder / "rest"
    data.mkdir(parents=True, exist_ok=True)
    words = [str(RCLONE), "serve", "restic", str(data), f"--addr=127.0.0.1:{port}", *flags]
    words += ["--user=tabib", "--pass=s3cret"]
    with served(words, port, folder):
        yield RepositoryAddress(url=f"rest:http://tabib:s3cret@127.0.0.1:{port}/shop/")


@contextmanager
def rclone(folder: Path) -> Iterator[RepositoryAddress]:
    """By an rclone remote that is the S3 server, told by its environment."""
    with s3(folder) as address:
        server = address.url.removeprefix("s3:").partition("/bucket")[0]
        yield RepositoryAddress(
            url="rclone:shelf:bucket/by-rclone",
            environment={
                "RCLONE_CONFIG_SHELF_TYPE": "s3",
                "RCLONE_CONFIG_SHELF_PROVIDER": "Rclone",
                "RCLONE_CONFIG_SHELF_ENDPOINT": server,
                "RCLONE_CONFIG_SHELF_ACCESS_KEY_ID": ACCESS,
                "RCLONE_CONFIG_SHELF_SECRET_ACCESS_KEY": SECRET,
            },
        )


_SSHD = """
set -e; mount --make-rprivate /; mkdir -p /run/sshd
printf 'sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\\n' | cat /etc/passwd - > {at}/passwd
mount --bind {at}/passwd /etc/passwd; exec {sshd} -D -e -f {at}/sshd_config
"""


@contextmanager
def sftp(folder: Path) -> Iterator[RepositoryAddress]:
    """OpenSSH's own server, from Debian's package, unpacked and not installed."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from setup import debian
    from setup.run import CACHE

    unpacked = CACHE / "openssh-server"
    sshd = unpacked / "usr/sbin/sshd"
    if not sshd.exists():
        for package in ("openssh-server", "libwrap0"):
            debian.fetch(package, unpacked)
    at, port = folder / "sshd", free_port()
    at.mkdir(parents=True)
    for name in ("host", "user", "other"):
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(at / name)]
        subprocess.run(made, check=True)
    shutil.copy(at / "user.pub", at / "authorized")
    (at / "authorized").chmod(0o600)
    (at / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {at}/authorized\nStrictModes no\nPermitRootLogin yes\n"
        "PasswordAuthentication no\nSubsystem sftp internal-sftp\n"
    )
    script = _SSHD.format(at=at, sshd=sshd)
    libraries = ":".join(str(one) for one in unpacked.rglob("*-linux-gnu") if one.is_dir())
    words = ["env", f"LD_LIBRARY_PATH={libraries}", "unshare", "--mount", "sh", "-c", script]
    key = (at / "host.pub").read_text().split()
    with served(words, port, folder):
        yield RepositoryAddress(
            url=f"sftp://root@127.0.0.1:{port}/{folder}/by-sftp",
            environment={
                "TABIB_SSH_KEY": (at / "user").read_text(),
                "TABIB_SSH_KNOWN_HOSTS": f"[127.0.0.1]:{port} {key[0]} {key[1]}",
            },
        )
