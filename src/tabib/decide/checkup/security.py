"""``security.*``: what a container may do beyond its own walls, and what it gives away."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tabib.decide.checkup.network import ANY
from tabib.decide.checkup.rule import Check, config, each, found, host, named
from tabib.decide.databases import DATABASES, Database, database_of
from tabib.model.checkup import CheckupFinding, Examined
from tabib.model.container import MountState
from tabib.model.incident import Evidence
from tabib.model.reference import parse_reference

AS_GOOD_AS_ROOT = frozenset(
    {
        *("ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "SYS_PTRACE", "DAC_READ_SEARCH", "BPF"),
        *("SYS_BOOT", "MAC_ADMIN", "MAC_OVERRIDE"),
    }
)
"""Capabilities that lead out of the container."""
POWERFUL = frozenset(
    {"NET_ADMIN", "SYS_TIME", "SYSLOG", "PERFMON", "SYS_RESOURCE", "CHECKPOINT_RESTORE"}
)
"""Capabilities that change the machine."""
_SOCKET = re.compile(r"/(?:docker|containerd|podman|crio|tabib)\.sock$")
_SENSITIVE: tuple[tuple[str, str, str], ...] = (
    ("/", "error", "warning"),
    ("/etc", "error", "warning"),
    ("/root", "error", "warning"),
    ("/home", "warning", "info"),
    ("/boot", "error", "warning"),
    ("/usr", "error", "info"),
    ("/dev", "error", "warning"),
    ("/sys", "warning", ""),
    ("/proc", "warning", ""),
    ("/var", "error", "warning"),
    ("/var/run", "error", "error"),
    ("/run", "error", "error"),
    ("/var/lib/docker", "error", "warning"),
    ("/var/lib/docker/volumes", "error", "warning"),
    ("/var/lib/tabib", "error", "error"),
    ("/etc/shadow", "error", "error"),
    ("/etc/passwd", "error", ""),
    ("/etc/ssh", "error", "warning"),
    ("/root/.ssh", "error", "error"),
    ("/root/.docker", "error", "error"),
)
"""(path on the machine, severity writable, severity read-only); empty: no finding."""


def _privileged(one: Examined) -> CheckupFinding | None:
    if not one.privileged:
        return None
    summary = "it is privileged: whoever breaks into it owns the machine"
    return found(one, "security.privileged", "error", summary, "HostConfig.Privileged is true")


def _capabilities(one: Examined) -> CheckupFinding | None:
    worst = sorted(AS_GOOD_AS_ROOT.intersection(one.capabilities))
    strong = sorted(POWERFUL.intersection(one.capabilities))
    if one.privileged or not (worst or strong):
        return None
    names = ", ".join([*worst, *strong])
    what = "leads out of the container" if worst else "lets it change the machine"
    return found(
        one,
        "security.capabilities",
        "error" if worst else "warning",
        f"it has the capability {names}, which {what}",
        f"HostConfig.CapAdd has {names}",
    )


def _host_namespaces(one: Examined) -> CheckupFinding | None:
    if not one.host_namespaces:
        return None
    names = ", ".join(one.host_namespaces)
    summary = f"it shares the machine's own namespaces: {names}"
    return found(one, "security.host-namespace", "warning", summary, f"host namespaces: {names}")


def holds_socket(mount: MountState) -> bool:
    """Whether a mount is an engine's socket."""
    return mount.type == "bind" and _SOCKET.search(mount.source) is not None


def _socket(one: Examined) -> CheckupFinding | None:
    mounted = [mount for mount in one.mounts if holds_socket(mount)]
    if not mounted:
        return None
    read_only = (
        ", read-only (which protects nothing: requests are written to the socket all the same)"
    )
    texts = [f"{m.source} at {m.target}{read_only if m.read_only else ''}" for m in mounted]
    summary = "an engine's socket is mounted in it: that is as good as root on the machine"
    return found(one, "security.socket-mounted", "error", summary, *texts)


def _sensitive(one: Examined) -> CheckupFinding | None:
    severities, texts = [], []
    for mount in one.mounts:
        if mount.type != "bind" or holds_socket(mount):
            continue
        source = mount.source.rstrip("/") or "/"
        for path, writable, read_only in _SENSITIVE:
            severity = read_only if mount.read_only else writable
            if source == path and severity:
                severities.append(severity)
                how = "read-only" if mount.read_only else "writable"
                texts.append(f"{source} at {mount.target}, {how}")
    if not texts:
        return None
    worst = max(severities, key=("info", "warning", "error").index)
    summary = (
        f"it sees sensitive parts of the machine: {named(text.split(',')[0] for text in texts)}"
    )
    return found(one, "security.sensitive-mount", worst, summary, *texts)


def _root(one: Examined) -> CheckupFinding | None:
    if one.uid is not None:
        if one.uid != 0:
            return None
        summary = "its main process runs as root"
        evidence = host("its first process has user id 0 on the machine")
        return found(one, "security.root", "info", summary, evidence)
    if one.user.partition(":")[0] not in ("", "0", "root"):
        return None
    summary = "it starts as root"
    absent = Evidence(source="absent", text="whether it gives root up cannot be seen from here")
    return found(one, "security.root", "info", summary, config("no `user:`"), absent)


def _latest(one: Examined) -> CheckupFinding | None:
    if one.image.startswith("sha256:"):
        return None
    reference = parse_reference(one.image)
    if reference.digest or reference.tag not in ("", "latest"):
        return None
    summary = f"nobody can tell which version runs: its image is {one.image}"
    text = "the tag is latest" if reference.tag else "the image has no tag, which means latest"
    return found(one, "security.latest-tag", "warning", summary, text)


def _secrets(one: Examined) -> CheckupFinding | None:
    if not one.secret_names:
        return None
    names = named(one.secret_names)
    summary = f"secrets stand in its environment, for everyone who may inspect it: {names}"
    evidence = f"values of {names} (not shown)"
    return found(one, "security.secret-in-env", "warning", summary, evidence)


def _exposed(one: Examined) -> CheckupFinding | None:
    known = database_of(one.image)
    texts, open_ = [], False
    for port in one.ports:
        database = _database_at(port.container_port, known)
        if database and port.protocol == "tcp" and port.host_port and port.host_ip in ANY:
            texts.append(f"{database.name}: {port.host_ip or '0.0.0.0'}:{port.host_port}")
            open_ = open_ or database.open
    if not texts:
        return None
    summary = (
        f"a database is reachable from every network of the machine: {named(sorted(set(texts)))}"
    )
    return found(
        one, "security.database-exposed", "error" if open_ else "warning", summary,
        *_by_itself(open_),
    )  # fmt: skip


def _by_itself(open_: bool) -> Sequence[str]:
    published = "published without an address; the engine's rules come before the firewall's"
    return (published, "as it comes it asks nobody for a password") if open_ else (published,)


def _database_at(port: int, known: Database | None) -> Database | None:
    """Of the image's own database, else by a port that only one database has."""
    if known is not None:
        return known if port in known.ports else None
    return next((one for one in DATABASES if port in one.ports and port not in _ANYBODYS), None)


_ANYBODYS = (9000, 8123, 8086, 2379)
"""Ports that say nothing by themselves."""

RULES: tuple[Check, ...] = (
    each(
        "security.privileged",
        _privileged,
        explain="A privileged container has all capabilities and all devices of the machine.",
        advice="Drop `privileged:`; give it the one device or capability that it needs.",
    ),
    each(
        "security.socket-mounted",
        _socket,
        explain="Whoever speaks to the engine's socket can start a container with all of the disk.",
        advice="Take the mount out, or put a proxy before it that allows only what is needed.",
    ),
    each(
        "security.capabilities",
        _capabilities,
        explain="Added capabilities lift walls between the container and the machine.",
        advice="Take it out of `cap_add:`, or name a narrower one.",
    ),
    each(
        "security.host-namespace",
        _host_namespaces,
        explain="The container sees the machine's network, processes or shared memory as its own.",
        advice="Take out `network_mode: host`, `pid: host` or `ipc: host`; publish ports instead.",
    ),
    each(
        "security.sensitive-mount",
        _sensitive,
        explain="A folder of the machine is mounted that holds its configuration or its secrets.",
        advice="Mount only the file or folder that is needed, with `read_only: true`.",
    ),
    each(
        "security.database-exposed",
        _exposed,
        explain="A database's port is published on all addresses, so past the machine's firewall.",
        advice='Take the port out, or publish it on loopback: `"127.0.0.1:5432:5432"`.',
    ),
    each(
        "security.secret-in-env",
        _secrets,
        explain="Environment variables are shown by `inspect` and inherited by every process.",
        advice="Use `secrets:` and the image's `…_FILE` variables.",
    ),
    each(
        "security.latest-tag",
        _latest,
        explain="The tag `latest` means another image after each pull: nothing can be rolled back.",
        advice="Name a version in `image:`, or a digest.",
    ),
    each(
        "security.root",
        _root,
        explain="A process that breaks out of its container is root on the machine then.",
        advice="Set `user:` (or `USER` in the Dockerfile) to a user that owns only its data.",
    ),
)
