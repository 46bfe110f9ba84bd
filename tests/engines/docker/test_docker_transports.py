"""TCP, TLS and ssh: the same engine by other ways."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from support.real_engine import step
from tabib.engines.docker import connect
from tabib.engines.docker.ssh import ssh_command
from tabib.model.errors import EngineUnavailable, UsageError
from tabib.model.plan import Verb
from tabib.model.wire import EndpointAddress

pytestmark = pytest.mark.engine


@asynccontextmanager
async def forwarded(target: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A TCP port that leads to the Unix socket ``target``."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(target)
        await asyncio.gather(pump(reader, back), pump(there, writer))

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while chunk := await source.read(65536):
                sink.write(chunk)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.fixture
def socket_path(engine_address: EndpointAddress) -> str:
    assert engine_address.url.startswith("unix://"), "these tests start from a Unix socket"
    return engine_address.url.removeprefix("unix://")


async def test_tcp(socket_path: str) -> None:
    async with forwarded(socket_path) as port:
        engine = await connect(EndpointAddress(url=f"tcp://127.0.0.1:{port}"))
        info = await engine.info()
        assert not info.local
        assert info.started_at is not None
        await engine.close()


async def test_tls_with_client_certificates(socket_path: str, tmp_path: Path) -> None:
    make_certificates(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "ca.pem"))
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    async with forwarded(socket_path, context) as port:
        address = EndpointAddress(
            url=f"tcp://127.0.0.1:{port}",
            tls_ca=str(tmp_path / "ca.pem"),
            tls_cert=str(tmp_path / "cert.pem"),
            tls_key=str(tmp_path / "key.pem"),
        )
        engine = await connect(address)
        assert (await engine.info()).id
        await engine.close()
        unverified = await connect(replace(address, tls_ca="", tls_verify=False))
        await unverified.close()
        for wrong in (
            replace(address, tls_cert="", tls_key=""),
            replace(address, tls_ca="", url=address.url.replace("tcp", "https")),
            replace(address, tls_ca=str(tmp_path / "none.pem")),
            replace(address, url=address.url.replace("127.0.0.1", "localhost")),
        ):
            with pytest.raises(EngineUnavailable) as caught:
                await connect(wrong)
            assert caught.value.advice


def make_certificates(folder: Path) -> None:
    """An authority that signs itself, and is server and client too; valid for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "ca.pem").write_bytes(pem)
    (folder / "cert.pem").write_bytes(pem)
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@pytest.fixture
def ssh_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a program ``ssh`` of this text first on the path."""

    def write(text: str) -> None:
        program = tmp_path / "ssh"
        program.write_text(text)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")

    return write


LOCAL_SSH = """#!/bin/sh
# what ssh does, without the network: run the words after `-- host` here
while [ "$1" != "--" ]; do shift; done
shift 2
DOCKER_HOST={url} exec "$@"
"""


async def test_ssh(
    engine_address: EndpointAddress, ssh_program: Callable[[str], None], create: Any
) -> None:
    ssh_program(LOCAL_SSH.format(url=engine_address.url))
    name = await create(service={"command": ["sh", "-c", "echo far; exec sleep 100"]})
    engine = await connect(EndpointAddress(url="ssh://ann@far.example.com:2222"))
    try:
        done = await engine.exec(name, ["sh", "-c", "head -c 1000000 /dev/zero"])
        assert len(done.stdout) == 1_000_000
        assert [line.text async for line in engine.logs(name)] == ["far"]
        seen = await asyncio.gather(*(engine.inspect(name) for _ in range(5)))
        assert len({each["Id"] for each in seen}) == 1
        waiting = asyncio.create_task(engine.wait(name))
        await engine.apply(step(Verb.STOP_CONTAINER, name, options={"timeout_s": 0}))
        assert await waiting == 137
        assert not (await engine.info()).local
    finally:
        await engine.close()


async def test_ssh_that_fails_says_what_ssh_said(ssh_program: Callable[[str], None]) -> None:
    ssh_program("#!/bin/sh\necho 'ann@far: Permission denied (publickey).' >&2; exit 255\n")
    with pytest.raises(EngineUnavailable, match="Permission denied"):
        await connect(EndpointAddress(url="ssh://far.example.com"))


async def test_without_an_ssh_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match="no ssh program"):
        await connect(EndpointAddress(url="ssh://far.example.com"))


@pytest.mark.parametrize("url", ["ssh://", "ssh://-oProxyCommand=x", "ssh://-oX@h"])
def test_addresses_that_ssh_would_take_for_options(url: str) -> None:
    with pytest.raises(UsageError):
        ssh_command(url, Path("/m"))


def test_the_ssh_command() -> None:
    argv = ssh_command("ssh://ann@far:2222", Path("/m"))
    assert argv[argv.index("-l") + 1] == "ann"
    assert argv[argv.index("-p") + 1] == "2222"
    assert argv[argv.index("--") :] == ["--", "far", "docker", "system", "dial-stdio"]


REFUSED = """
import asyncio, os, sys
from tabib.engines.docker import connect
from tabib.model.errors import EngineForbidden
from tabib.model.wire import EndpointAddress

if os.getuid() == 0:  # root may always
    os.setgid(65534)
    os.setuid(65534)

async def main():
    try:
        await connect(EndpointAddress(url=sys.argv[1]))
    except EngineForbidden as error:
        print(error.kind, error.advice)

asyncio.run(main())
"""


async def test_no_right_on_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    async with await asyncio.start_unix_server(lambda _, writer: writer.close(), path):
        path.chmod(0)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", REFUSED, f"unix://{path}", stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
    assert out.decode().startswith("engine_forbidden")
    assert "group `docker`" in out.decode()
