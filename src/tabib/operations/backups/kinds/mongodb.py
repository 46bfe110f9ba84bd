"""MongoDB: ``mongodump`` as one archive; with the operations meanwhile where there is an oplog.

Written by its documentation: there was no MongoDB to run this against.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace

from tabib.model.backup import LIVE, Dataset, Part, Place
from tabib.model.errors import Conflict, TabibError
from tabib.operations.backups.kinds import files
from tabib.operations.backups.kinds.kind import Check, Copying, Examined, Filling
from tabib.operations.backups.kinds.places import same_image
from tabib.operations.backups.kinds.programs import Ran, dumping, failure, load, run
from tabib.operations.backups.kinds.storing import keep, part_of
from tabib.operations.backups.scratch import booted, stop
from tabib.operations.tools import Tools

FILE = "dump.archive"
_AS = """
f() { [ -n "$1" ] && [ -r "$1" ] && cat "$1"; }
user="${MONGO_INITDB_ROOT_USERNAME:-$(f "$MONGO_INITDB_ROOT_USERNAME_FILE")}"
word="${MONGO_INITDB_ROOT_PASSWORD:-$(f "$MONGO_INITDB_ROOT_PASSWORD_FILE")}"
tool=$1; shift
case $tool in mongo) command -v mongosh >/dev/null 2>&1 && tool=mongosh ;; esac
[ -n "$user" ] || exec "$tool" "$@"
case $tool in
mongosh | mongo)
    # Its script gets in by itself: a password among the arguments could be seen by anyone.
    { printf 'db.getSiblingDB("admin").auth(process.env.TABIB_U, process.env.TABIB_P);\n'; cat; } |
        TABIB_U=$user TABIB_P=$word "$tool" --quiet ;;
*)
    umask 077; conf=$(mktemp); trap 'rm -f "$conf"' EXIT
    printf 'password: "%s"\n' "$word" >"$conf"
    "$tool" --config="$conf" --username="$user" --authenticationDatabase=admin "$@" ;;
esac
"""
_FACTS = (
    "print(JSON.stringify({v: db.version(), r: (db.hello ? db.hello() : db.isMaster()).setName"
    " || ''}));\n"
)


class MongoDb:
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
            return
        tools, places = work.tools, {part.dataset.target: target}
        async with booted(
            tools, work.spec, places, purpose="restore", ready=self.ready
        ) as container:
            found = await _facts(tools, container)
            same_image(part.dataset, _major(part.version), _major(found[0]))
            more = ("--oplogReplay",) if part.record.get("oplog") else ()
            argv = _as_root("mongorestore", "--archive", "--drop", *more)
            ran = await load(tools, container, argv, work.repository.read(part.stored, part.path))
            if ran.exit_code:
                target_name = part.dataset.name
                raise failure(ran, attempted="load the dump into", target=target_name)
            await stop(tools, container)

    async def ready(self, tools: Tools, container_id: str) -> bool:
        with suppress(TabibError):
            ran = await _shell(tools, container_id, "print(db.runCommand({ping: 1}).ok);\n")
            return ran.exit_code == 0 and ran.text.strip().endswith("1")
        return False

    async def check(self, tools: Tools, container_id: str, part: Part) -> tuple[Check, ...]:
        script = (
            "db.adminCommand({listDatabases: 1}).databases.forEach(d => {"
            " const b = db.getSiblingDB(d.name); b.getCollectionNames().forEach(c => {"
            " const r = b.getCollection(c).validate(); if (!r.valid) print('BAD ' + d.name + '.' +"
            " c); }); }); print('DONE');\n"
        )
        try:
            ran = await _shell(tools, container_id, script, timeout_s=3600)
        except TabibError as error:
            return (Check(name="validate", ok=False, text=error.happened),)
        bad = [line[4:] for line in ran.text.splitlines() if line.startswith("BAD ")]
        done = ran.exit_code == 0 and "DONE" in ran.text
        text = f"not valid: {', '.join(bad[:5])}" if bad else "every collection is valid"
        if not done:
            text = f"it could not be asked: {(ran.stderr or ran.text).strip()[-200:]}"
        return (Check(name="validate", ok=done and not bad, text=text),)

    async def examine(self, tools: Tools, place: Place, dataset: Dataset, image: str) -> Examined:
        return Examined(sound=None, text="files of MongoDB are not examined by this version")

    async def identity(self, tools: Tools, container_id: str, dataset: Dataset) -> str:
        return ""


def _as_root(program: str, *arguments: str) -> list[str]:
    return ["sh", "-c", _AS, "sh", program, *arguments]


async def _shell(tools: Tools, container_id: str, script: str, timeout_s: float = 30.0) -> Ran:
    argv = _as_root("mongo", "--quiet")
    return await run(tools, container_id, argv, stdin=script.encode(), timeout_s=timeout_s)


async def _facts(tools: Tools, container_id: str) -> tuple[str, str]:
    """Its version, and the name of its replica set (``""``: it stands alone)."""
    ran = await _shell(tools, container_id, _FACTS)
    met = re.search(r'\{"v":"([^"]*)","r":"([^"]*)"\}', ran.text)
    return (met[1], met[2]) if met else ("", "")


def _major(version: str) -> str:
    return ".".join(version.split(".")[:2])


async def _save(work: Copying, dataset: Dataset) -> Part:
    tools, container = work.tools, work.container
    assert container is not None
    version, replica_set = await _facts(tools, container.id)
    argv = _as_root("mongodump", "--archive", *(("--oplog",) if replica_set else ()))
    taken_at = tools.clock.now()
    async with dumping(tools, container.id, argv) as dump:
        saved = await keep(work, dataset, dump, filename=FILE, end=b"")
    part = part_of(work, dataset, saved, form="dump", filename=FILE, taken_at=taken_at)
    record = {"kind": "archive", "oplog": bool(replica_set)}
    if replica_set:
        return replace(part, version=version, record=record)
    warning = (
        "it is no member of a replica set: each collection was copied as it was met; method: pause"
        " copies its files at one moment"
    )
    return replace(part, version=version, record=record, consistency=LIVE, warnings=(warning,))
