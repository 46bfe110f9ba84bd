"""Redis and Valkey: the snapshot that a replica would get, written back as what the server reads.

Its point in time is the fork of the server; at the latest its beginning is known, where clocks are
the same also the second that the snapshot itself names. A server that appends to a log reads
nothing but that log: there the snapshot becomes the log's base, or the data set would be empty.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tabib.model.backup import Dataset, Part, Place, Saved
from tabib.model.container import ContainerSpec
from tabib.model.errors import Conflict, CopyFailed, NotHealthy, TabibError
from tabib.operations.backups.kinds import files
from tabib.operations.backups.kinds.kind import Check, Copying, Examined, Filling
from tabib.operations.backups.kinds.places import AT, at_place
from tabib.operations.backups.kinds.programs import Dump, Ran, dumping, failure, run
from tabib.operations.backups.kinds.redis_ask import (
    ADVICE,
    Server,
    command_words,
    option,
    server,
)
from tabib.operations.backups.kinds.storing import part_of
from tabib.operations.backups.scratch import booted
from tabib.operations.tools import Tools

FILE = "dump.rdb"
_MAGIC = (b"REDIS", b"VALKEY")
_MARK_BYTES = 40
"""Some servers end what they send with a mark; it is no part of the snapshot."""
_SENT = re.compile(r"(?:Transfer finished with success after|writing) (\d+) bytes")
_SINCE = re.compile(rb"ctime\xc2(.{4})", re.DOTALL)
"""The auxiliary field of that name: 32 bits, little-endian, of seconds since 1970."""
_NEW_LOG = 7
"""From here on the log is a folder with a manifest."""


class Redis:
    """See :class:`~tabib.operations.backups.kinds.kind.Kind`."""

    async def save(self, work: Copying, dataset: Dataset) -> Part:
        if files.preferred(work, dataset):
            return await files.save(work, dataset)
        try:
            return await _save(work, dataset)
        except Conflict as error:
            raise files.not_running(error, attempted="back up", target=dataset.name) from error

    async def fill(self, work: Filling, part: Part, target: Place) -> None:
        if part.form == "files":
            await files.fill(work, part, target)
        else:
            await _fill(work, part, target)

    async def ready(self, tools: Tools, container_id: str) -> bool:
        with suppress(TabibError):
            ran = await (await server(tools, container_id)).run("ping", timeout_s=10)
            return ran.text.strip() == "PONG"
        return False

    async def check(self, tools: Tools, container_id: str, part: Part) -> tuple[Check, ...]:
        if part.form == "files":
            return await files.check(tools, container_id, part)
        return await _check(tools, container_id, part)

    async def examine(self, tools: Tools, place: Place, dataset: Dataset, image: str) -> Examined:
        return await _examine(tools, place, dataset, image)

    async def identity(self, tools: Tools, container_id: str, dataset: Dataset) -> str:
        return ""  # what it has (``run_id``, ``master_replid``) is new at every start


async def _save(work: Copying, dataset: Dataset) -> Part:
    tools, container = work.tools, work.container
    assert container is not None
    asked = await server(tools, container.id)
    facts = await asked.facts()
    settings = await asked.settings()
    before = await asked.lasting_keys()
    began = tools.clock.now()
    argv = asked.cli("--rdb", "-")
    async with dumping(tools, container.id, argv, environment=asked.environment) as dump:
        saved, since = await _keep(work, dataset, dump)
    taken_at = began
    if tools.info.local and since is not None:
        # The second was read after the fork: what was acknowledged before the one before is in it.
        taken_at = max(began, min(since - timedelta(seconds=1), tools.clock.now()))
    part = part_of(work, dataset, saved, form="rdb", filename=FILE, taken_at=taken_at)
    after = await asked.lasting_keys()
    keys = {
        name: sorted((before.get(name, 0), after.get(name, 0)))
        for name in before.keys() | after.keys()
    }
    record = {"kind": "keys", "keys": keys, "settings": settings}
    found = facts.get("valkey_version") or facts.get("redis_version", "")
    return replace(part, version=found, record=record)


async def _keep(work: Copying, dataset: Dataset, dump: Dump) -> tuple[Saved, datetime | None]:
    """Store the snapshot without the mark that may follow it, and when it says it was made."""
    head = bytearray()

    async def whole() -> AsyncIterator[bytes]:
        held, passed = b"", 0
        async for chunk in dump.chunks():
            if len(head) < 1024:
                head.extend(chunk[:1024])
            held += chunk
            if len(held) > _MARK_BYTES:
                yield held[:-_MARK_BYTES]
                passed += len(held) - _MARK_BYTES
                held = held[-_MARK_BYTES:]
        ran = await dump.ended()
        if ran.exit_code == 0 and not head.startswith(_MAGIC):
            ran = replace(ran, exit_code=1, stderr=f"error: no snapshot came. {ran.stderr}")
        sizes = [int(one) for one in _SENT.findall(ran.stderr)]
        size = sizes[-1] if sizes else passed + len(held)
        if ran.exit_code == 0 and size not in (passed, passed + len(held)):
            ran = Ran(exit_code=1, stdout=b"", stderr="error: the snapshot was cut off")
        if ran.exit_code:
            raise failure(ran, attempted="back up", target=dataset.name, advice=ADVICE)
        if size > passed:
            yield held

    saved = await work.repository.save_stream(
        whole(), filename=FILE, tags=work.tags, progress=work.progress
    )
    met = _SINCE.search(bytes(head))
    since = datetime.fromtimestamp(int.from_bytes(met[1], "little"), UTC) if met else None
    return saved, since


# ── back ───────────────────────────────────────────────────────────────────────────────────────

_WRITE = """
set -e
cd "$1"
mkdir -p "$(dirname "$2")"
cat >"$2"
[ -z "$3" ] || printf '%s' "$3" >"$4"
owner=$5
if [ -z "$owner" ]; then
    owner=$(id -u redis 2>/dev/null || id -u valkey 2>/dev/null || id -u)
fi
chown -R "$owner" .
"""


async def _fill(work: Filling, part: Part, target: Place) -> None:
    settings = dict(part.record.get("settings") or {})
    words = _words(work.spec)
    for name in ("appendonly", "appenddirname", "appendfilename", "dbfilename"):
        settings[name] = option(words, name) or settings.get(name, "")
    major = int((re.findall(r"\d+", part.version) or ["7"])[0])
    path, manifest, manifest_path = _layout(settings, major)
    inner = f"/{part.dataset.inner}" if part.dataset.inner else ""
    user = str(work.spec.service.get("user") or "")
    ran = await at_place(
        work.tools,
        work.spec.image,
        target,
        _WRITE,
        AT + inner,
        path,
        manifest,
        manifest_path,
        user,
        chunks=work.repository.read(part.stored, part.path),
    )
    if ran.exit_code:
        raise failure(ran, attempted="write the snapshot to", target=part.dataset.name)


def _words(spec: ContainerSpec) -> list[str]:
    if spec.raw is not None:
        given: Sequence[object] = [
            *(spec.raw.get("Entrypoint") or ()),
            *(spec.raw.get("Cmd") or ()),
        ]
    else:
        entry, command = spec.service.get("entrypoint"), spec.service.get("command")
        given = [*(entry or ()), *(command or ())]
    return command_words(given)


def _layout(settings: dict[str, str], major: int) -> tuple[str, str, str]:
    """Where the snapshot goes, and the text and path of the manifest beside it."""
    if settings.get("appendonly") != "yes":
        return settings.get("dbfilename") or "dump.rdb", "", ""
    log = settings.get("appendfilename") or "appendonly.aof"
    if major < _NEW_LOG:
        return log, "", ""  # a log may begin with a snapshot
    folder = settings.get("appenddirname") or "appendonlydir"
    base = f"{log}.1.base.rdb"
    manifest = f"file {base} seq 1 type b\n"
    return f"{folder}/{base}", manifest, f"{folder}/{log}.manifest"


# ── looking at it ──────────────────────────────────────────────────────────────────────────────


async def _check(tools: Tools, container_id: str, part: Part) -> tuple[Check, ...]:
    try:
        asked = await server(tools, container_id)
        found = await asked.lasting_keys()
        settings = await asked.settings()
    except TabibError as error:
        return (Check(name="keys", ok=False, text=error.happened),)
    checks = []
    for name, (low, high) in sorted((part.record.get("keys") or {}).items()):
        now = found.get(name, 0)
        text = f"{now} keys; between {low} and {high} were copied"
        checks.append(Check(name=f"keys {name}", ok=low <= now <= high, text=text))
    checks.append(await _check_file(asked, tools, container_id, settings))
    return tuple(checks)


async def _check_file(
    asked: Server, tools: Tools, container_id: str, settings: dict[str, str]
) -> Check:
    """Have it write a snapshot of all that it holds, and check that file."""
    name = "redis-check-rdb"
    path = f"{settings.get('dir', '/data')}/{settings.get('dbfilename') or FILE}"
    try:
        await asked.ask("save", timeout_s=3600)
        ran = await run(tools, container_id, ["sh", "-c", _CHECK_RDB, "sh", path], timeout_s=3600)
    except TabibError as error:
        return Check(name=name, ok=False, text=error.happened)
    lines = [line for line in ran.text.splitlines() if line.strip()]
    return Check(name=name, ok=ran.exit_code == 0, text=(lines or ["it said nothing"])[-1][:300])


_CHECK_RDB = """
for one in redis-check-rdb valkey-check-rdb; do
    if command -v $one >/dev/null 2>&1; then exec $one "$1"; fi
done
echo "the image has no redis-check-rdb"
"""
_EXAMINE = """
cd "$1" 2>/dev/null || { echo NONE; exit 0; }
[ -n "$(ls -A .)" ] || { echo EMPTY; exit 0; }
chmod -R u+rwX .
p=redis; command -v redis-check-rdb >/dev/null 2>&1 || p=valkey
command -v $p-check-rdb >/dev/null 2>&1 || { echo NO_PROGRAM; exit 0; }
for one in *.rdb; do
    [ -e "$one" ] || continue
    echo "FILE $one"
    if $p-check-rdb "$one" >/tmp/said 2>&1; then echo GOOD; else echo BAD; fi
    tail -n 4 /tmp/said
done
for one in */*.manifest *.aof; do
    [ -e "$one" ] || continue
    echo "FILE $one"
    # Its own start mends a log that was cut off at its end: what the checker would cut is no damage
    # where that is the end of the last file.
    if $p-check-aof "$one" >/tmp/said 2>&1; then echo GOOD; else echo BAD; fi
    tail -n 4 /tmp/said
done
"""


async def _examine(tools: Tools, place: Place, dataset: Dataset, image: str) -> Examined:
    inner = f"/{dataset.inner}" if dataset.inner else ""
    looked = await at_place(tools, image, place, _EXAMINE, AT + inner, purpose="examine")
    text = looked.text
    if text.startswith(("NONE", "EMPTY")):
        return Examined(sound=False, text="there are no files of a database in it")
    bad = [" ".join(one.split())[:300] for one in re.split(r"(?m)^FILE ", text) if "\nBAD" in one]
    unknown = [
        one for one in bad if re.search(r"handle RDB format version|version \d+ is not", one)
    ]
    if unknown:
        return Examined(sound=None, text=f"it is of a newer version: {unknown[0]}")
    log = "manifest" in text or ".aof" in text
    return await _booted(tools, place, dataset, image, bad, log=log)


async def _booted(
    tools: Tools, place: Place, dataset: Dataset, image: str, bad: list[str], *, log: bool
) -> Examined:
    """Whether a server starts on it: a log that was cut off at its end it mends by itself."""
    target = dataset.target or "/data"
    program = "valkey-server" if "valkey" in image else "redis-server"
    folder = f"{target}/{dataset.inner}".rstrip("/")
    command = [program, "--dir", folder, "--appendonly", "yes" if log else "no", "--save", ""]
    spec = ContainerSpec(
        name="examine",
        project="",
        service_name=dataset.service,
        slot=1,
        image=image,
        service={"command": command},
    )
    try:
        async with booted(
            tools, spec, {target: place}, purpose="examine", ready=Redis().ready, timeout_s=900
        ) as container:
            found = await (await server(tools, container)).keys()
    except NotHealthy as error:
        tail = [str(line) for line in error.details.get("log_tail") or ()]
        for line in tail:
            if _OF_START.search(line):
                return Examined(sound=False, text=f"it does not start: {line.strip()[:300]}")
        if bad:
            return Examined(sound=False, text="; ".join(bad)[:400])
        return Examined(sound=None, text=f"it does not start, and names no damage: {tail[-2:]}")
    except (CopyFailed, TabibError) as error:
        return Examined(sound=None, text=f"it could not be looked at: {error.happened}")
    held = ", ".join(f"{name}: {count} keys" for name, count in found.items()) or "no keys"
    if bad and not log:
        return Examined(sound=False, text="; ".join(bad)[:400])
    mended = "; the end of its log was cut off, which it mends" if bad else ""
    return Examined(sound=True, text=f"it starts on it ({held}){mended}")


_OF_START = re.compile(
    r"Bad file format|Wrong RDB checksum|Short read or OOM|Internal error in RDB|Wrong signature"
    r"|Unexpected end of file|Error reading the append only file|Fatal error loading"
    r"|Invalid (?:AOF|object|RDB)|AOF .{0,60}(?:doesn't exist|not exist|format error)"
    r"|RDB CRC error|Unknown RDB encoding|Corrupt",
    re.IGNORECASE,
)
