"""A base backup rolled forward by the write-ahead log that came after it: to a time, or to its end.

The log is put beside the base backup's own, the database is started on it where nobody can reach
it, replays, begins a new timeline, and is stopped in good order. What then lies in the place needs
nothing more to start.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tabib.decide.backups.restore import Abandoned
from tabib.decide.backups.wal import Stretch, history, missed_target, stretch, timeline_at
from tabib.model.backup import Part, Place, Stored
from tabib.model.container import ContainerSpec, Mount, VolumeSpec
from tabib.model.errors import CopyFailed, NotHealthy, TabibError
from tabib.model.oneshot import OneShot
from tabib.model.plan import Step, Verb
from tabib.operations.backups.kinds import KINDS, Filling
from tabib.operations.backups.kinds.places import AT, must
from tabib.operations.backups.kinds.postgres_sql import ask
from tabib.operations.backups.kinds.programs import converse, failure, once
from tabib.operations.backups.litestream.roll import roll
from tabib.operations.backups.reached import Reached
from tabib.operations.backups.scratch import booted, stop
from tabib.operations.backups.wal import spool, store
from tabib.operations.backups.wal.ran_since import ran_since
from tabib.operations.tools import Tools

REPLAY_TIMEOUT_S = 6 * 3600.0
_LOGS = "/tabib-wal"
_RIGHTS = ("CHOWN", "DAC_OVERRIDE", "FOWNER")

_LOOK = """
cd "$1" && sed -n 's/^START WAL LOCATION: .*file \\([0-9A-F]*\\)).*/\\1/p' backup_label
ls -ln pg_wal | while read -r _ _ _ _ size _ _ _ name; do echo "$size $name"; done
"""
_PUT = """
cd "$1" && owner=$(stat -c %u:%g PG_VERSION) || exit 1
while read -r from name; do
    to="pg_wal/${name%.partial}"
    cp "$2/$from/$name" "$to" && chown "$owner" "$to" && chmod 600 "$to" || exit 1
done
"""
_SETTINGS = "postgresql.auto.conf"
_AIM = f"""
cd "$1" && owner=$(stat -c %u:%g PG_VERSION) || exit 1
[ -e {_SETTINGS}.tabib ] || cp -p {_SETTINGS} {_SETTINGS}.tabib || exit 1
cp -p {_SETTINGS}.tabib {_SETTINGS} && printf '\\n%s\\n' "$2" >> {_SETTINGS} || exit 1
: > recovery.signal && chown "$owner" recovery.signal {_SETTINGS} && chmod 600 recovery.signal
"""
_TIDY = f"""
cd "$1" && rm -f recovery.signal && mv {_SETTINGS}.tabib {_SETTINGS}
"""


async def fill_to(
    work: Filling,
    part: Part,
    target: Place,
    *,
    to: datetime | None,
    last: Abandoned | None = None,
    stored_only: bool = False,
) -> Reached:
    """Fill the empty place ``target`` with the data as it was at ``to`` (None: as late as there is
    log for). Where there is no log for it, that is the copy itself.

    ``last``: the restore that went back behind the log last; what it went back behind does not come
    back. ``stored_only``: with what is in the repository, as if nothing were here.

    :raises CopyFailed: ``to`` is before the copy, or cannot be reached; the database refuses.
    :raises NotHealthy: the database does not start on it; with the end of what it said.
    """
    if to is not None and to < part.taken_at:
        raise CopyFailed(
            f"the copy is of {part.taken_at:%Y-%m-%d %H:%M:%S} UTC, which is later",
            attempted="restore to a time",
            target=part.dataset.name,
            advice="Take an earlier snapshot: tabib snapshots.",
        )
    await KINDS[part.dataset.kind].fill(work, part, target)
    if part.dataset.kind == "sqlite":
        rolled = await roll(work, part, target, to=to, last=last, stored_only=stored_only)
        return _as_copied(part, to, rolled) if isinstance(rolled, str) else rolled
    if part.dataset.kind != "postgres":
        return _as_copied(part, None, "there is no log of data of its kind")
    if part.form != "tar":
        return _as_copied(part, to, "a dump has no write-ahead log")
    logs = await _logs(work, part, stored_only=stored_only)
    if not logs.files:
        return _as_copied(part, to, "no write-ahead log of it was kept")
    if to is None and last is not None and not logs.follow(last) and part.taken_at < last.at:
        return await _as_put_back(work, part, target, logs, last)
    return await _Forward(work, part, target, logs, to).run()


async def _as_put_back(
    work: Filling, part: Part, target: Place, logs: _Logs, last: Abandoned
) -> Reached:
    """What a restore went back to, of whose own course no log was received."""
    to = last.log_until
    cut = (
        f"it was put back to that at {last.at:%Y-%m-%d %H:%M:%S} UTC, and no log was received since"
    )
    if to is None or to <= part.taken_at:
        return replace(_as_copied(part, None, cut), cut=cut)
    return replace(await _Forward(work, part, target, logs, to).run(), cut=cut)


async def empty(tools: Tools, image: str, place: Place) -> None:
    """Take away what a replay that failed left in a place that nobody uses."""
    await must(
        tools, image, place, 'find "$1" -mindepth 1 -delete', AT, attempted="empty a place again"
    )


def _as_copied(part: Part, to: datetime | None, why: str) -> Reached:
    if to is not None:
        raise CopyFailed(
            why,
            attempted=f"restore to {to:%Y-%m-%d %H:%M:%S} UTC",
            target=part.dataset.name,
            advice="Leave --to-time out to have the snapshot itself; `point_in_time: true` under "
            "x-tabib.backup keeps the log from now on.",
        )
    return Reached(until=part.taken_at, rolled=False, text=f"as it was copied: {why}")


# ── where log is ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """One file of the log. ``stored``: the copy in the repository it is in; else in ``folder``."""

    at: datetime
    until: datetime
    """Of the stream: what was acknowledged before then is in it."""
    stored: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class _Logs:
    files: Mapping[str, _File]
    newest: spool.Stream | None = None
    """That is here."""

    def follow(self, last: Abandoned) -> bool:
        """Whether they tell of what came after that restore: a timeline began with it."""
        if last.began is None:
            return True  # an earlier version of tabib noted it
        return any(
            one.at >= last.began for name, one in self.files.items() if history(name) is not None
        )


async def _logs(work: Filling, part: Part, *, stored_only: bool) -> _Logs:
    """All log of the database that is to be had: here, which is newer, and in the repository."""
    tools, project = work.tools, work.spec.project
    files: dict[str, _File] = {}
    for one in await chapters(work, part):
        for entry in await work.repository.entries(one.id, "/data"):
            name = Path(entry.path).name
            if entry.type == "file" and name != spool.FACTS:
                at = entry.modified_at or one.at
                files[name] = _File(at=at, until=one.at, stored=one.id)
    if stored_only:
        return _Logs(files)
    here = spool.streams(tools, project, part.dataset.name, part.identity)
    for stream in reversed(here):
        until = _until(tools, stream)
        for name, at in stream.files().items():
            files[name] = _File(at=at, until=until, folder=str(stream.path))
    return _Logs(files, here[0] if here else None)


async def chapters(work: Filling, part: Part) -> list[Stored]:
    """The last copy in the repository of each chapter of the database's log, oldest first."""
    wanted = store.tags(work.spec.project, part.dataset.name, f"identity={part.identity}")
    last: dict[tuple[str, str], Stored] = {}
    for one in await work.repository.stored(wanted):
        last[store.tag_of(one, "stream"), store.tag_of(one, "chapter")] = one
    return sorted(last.values(), key=lambda one: one.at)


def _until(tools: Tools, stream: spool.Stream) -> datetime:
    if tools.backups is not None and stream.id in tools.backups.receiving:
        return tools.clock.now()
    noted = stream.facts().whole_until
    newest = stream.newest() or datetime.fromtimestamp(0, UTC)
    return max(newest, datetime.fromisoformat(noted)) if noted else newest


# ── forward ────────────────────────────────────────────────────────────────────────────────────


class _Forward:
    def __init__(
        self, work: Filling, part: Part, target: Place, logs: _Logs, to: datetime | None
    ) -> None:
        self._work = work
        self._tools = work.tools
        self._part = part
        self._target = target
        self._logs = logs
        self._to = to
        inner = part.dataset.inner
        self._folder = f"{AT}/{inner}" if inner else AT

    async def run(self) -> Reached:
        way = await self._way()
        last = max((self._logs.files[name].until for name in way.names), default=None)
        reachable = last if last and not way.missing else self._last_whole(way)
        if self._to is not None and self._to > reachable:
            hole = f"its log has a hole (from {way.missing} on), and " if way.missing else ""
            raise CopyFailed(
                f"{hole}what is kept ends at {reachable:%Y-%m-%d %H:%M:%S} UTC",
                attempted=f"restore to {self._to:%Y-%m-%d %H:%M:%S} UTC",
                target=self._part.dataset.name,
                advice="Name an earlier time, or leave --to-time out for the latest there is.",
            )
        ended, cut = await self._ended(way)
        await self._put(way.names)
        await self._replay(way.timeline)
        if ended is not None:
            told = f"{ended:%Y-%m-%d %H:%M:%S.%f}"[:-3]
            return Reached(
                until=ended,
                rolled=True,
                text=f"rolled forward to the end, at {told} UTC",
                whole=f"its log was received until the database ended, at {told} UTC",
            )
        until = min(self._to, reachable) if self._to is not None else reachable
        text = f"rolled forward to {until:%Y-%m-%d %H:%M:%S} UTC"
        if way.missing:
            text += f"; the log has a hole after that (from {way.missing} on)"
        return Reached(
            until=max(until, self._part.taken_at),
            rolled=True,
            text=text,
            missing=way.missing,
            cut=cut,
        )

    async def _ended(self, way: Stretch) -> tuple[datetime | None, str]:
        """When the database ended, where its log was received until then and all of it leads on
        from the base backup; else why that is not so, or not known."""
        newest, backups = self._logs.newest, self._tools.backups
        if self._to is not None:
            return None, ""
        if way.missing:
            return None, f"its log has a hole, from {way.missing} on"
        ended = backups.received_whole.get(newest.id) if backups and newest else None
        if newest is None or ended is None or not newest.leads_to(way.names):
            return None, "its log was not received from then on"
        spec = self._work.spec
        if await ran_since(self._tools, spec.project, self._part.dataset.service, ended):
            return None, "the database ran again after that, and its log was not received"
        return ended, ""

    def _last_whole(self, way: Stretch) -> datetime:
        times = [self._logs.files[name].at for name in way.names if not name.endswith("history")]
        return max([self._part.taken_at, *times])

    async def _way(self) -> Stretch:
        ran = await must(
            self._tools, self._work.spec.image, self._target, _LOOK, self._folder,
            attempted="look at the base backup of",
        )  # fmt: skip
        start, *listed = ran.text.splitlines() or [""]
        sizes = [line.partition(" ")[::2] for line in listed]
        base = {name: int(size) for size, name in sizes if size.isdigit() and len(name) == 24}
        if not start or start not in base:
            raise CopyFailed(
                "it is not known where its log begins",
                attempted="roll forward",
                target=self._part.dataset.name,
                advice="Restore the snapshot itself: leave --to-time out.",
            )
        histories = {name: one.at for name, one in self._logs.files.items()}
        return stretch(
            self._logs.files,
            base,
            start,
            size=base[start],
            timeline=timeline_at(histories, int(start[:8], 16), self._to),
        )

    async def _put(self, names: Sequence[str]) -> None:
        """Copy the files beside the base backup's own."""
        async with AsyncExitStack() as stack:
            places: dict[str, Place] = {}
            for name in names:
                one = self._logs.files[name]
                key = one.stored or one.folder
                if key in places:
                    continue
                if one.folder:
                    places[key] = Place(type="bind", source=one.folder)
                    continue
                mine = [each for each in names if self._logs.files[each].stored == key]
                place = await stack.enter_async_context(_staging(self._tools))
                await self._work.repository.restore_files(
                    key, place, include=[f"/data/{each}" for each in mine]
                )
                places[key] = place
            numbers = {key: str(number) for number, key in enumerate(places)}
            lines = []
            for name in names:
                one = self._logs.files[name]
                lines.append(f"{numbers[one.stored or one.folder]} {name}\n")
            spec = OneShot(
                purpose="restore",
                image=self._work.spec.image,
                argv=("sh", "-c", _PUT, "sh", self._folder, _LOGS),
                mounts=(
                    Mount(type=self._target.type, source=self._target.source, target=AT),
                    *(
                        Mount(
                            type=place.type,
                            source=place.source,
                            target=f"{_LOGS}/{numbers[key]}",
                            read_only=True,
                        )
                        for key, place in places.items()
                    ),
                ),
                user="0:0",
                capabilities=_RIGHTS,
                stdin=True,
            )
            async with self._tools.engine.start_one_shot(spec) as process:
                ran = await converse(process, once("".join(lines).encode()))
            if ran.exit_code:
                raise failure(ran, attempted="put back the log of", target=self._part.dataset.name)

    async def _replay(self, timeline: int) -> None:
        """Start the database on it until it has replayed all; then stop it.

        It is not started a second time but where its log has no transaction as late as it was to
        reach: then the end of the log is what was meant.
        """
        try:
            await self._boot(timeline, self._to)
        except NotHealthy as error:
            if self._to is None or not missed_target(error.details.get("log_tail") or ()):
                raise
            await self._boot(timeline, None)
        await self._script(_TIDY)

    async def _boot(self, timeline: int, to: datetime | None) -> None:
        settings = [
            # It asks here first, and then finds what lies beside its own.
            "restore_command = 'false'",
            f"recovery_target_timeline = '{timeline}'",
            "recovery_target_action = 'promote'",
            "archive_mode = off",
            "hot_standby = on",
            "primary_conninfo = ''",
        ]
        if timeline == int((await self._start_timeline()) or timeline):
            settings[1] = "recovery_target_timeline = 'current'"
        if to is not None:
            settings.append(
                f"recovery_target_time = '{to.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"
            )
        await self._script(_AIM, "\n".join(settings))
        places = {self._part.dataset.target: self._target}
        spec = _unchecked(self._work.spec)
        async with booted(
            self._tools,
            spec,
            places,
            purpose="restore",
            ready=_promoted,
            timeout_s=REPLAY_TIMEOUT_S,
        ) as container:
            await stop(self._tools, container)

    async def _start_timeline(self) -> str:
        ran = await self._script("""cd "$1" && sed -n 's/^START TIMELINE: //p' backup_label* """)
        return ran.splitlines()[0].strip() if ran.strip() else ""

    async def _script(self, script: str, *arguments: str) -> str:
        ran = await must(
            self._tools,
            self._work.spec.image,
            self._target,
            script,
            self._folder,
            *arguments,
            attempted="prepare restored data",
        )
        return ran.text


async def _promoted(tools: Tools, container: str) -> bool:
    try:
        return await ask(tools, container, "select pg_is_in_recovery()", timeout_s=10) == "f"
    except TabibError:
        return False


def _unchecked(spec: ContainerSpec) -> ContainerSpec:
    """Without its health check, which may well fail for as long as it replays."""
    if spec.raw is not None:
        return replace(spec, raw={**spec.raw, "Healthcheck": {"Test": ["NONE"]}})
    return replace(spec, service={**spec.service, "healthcheck": {"disable": True}})


@asynccontextmanager
async def _staging(tools: Tools) -> AsyncIterator[Place]:
    """An empty place on the engine's host, gone in the end."""
    name = f"tabib_wal_{tools.new_id()}"

    def step(verb: Verb, **fields: VolumeSpec) -> Step:
        return Step(id="wal", verb=verb, subject=name, reason="restore", target=name, **fields)  # type: ignore[arg-type]

    await tools.engine.apply(step(Verb.CREATE_VOLUME, volume=VolumeSpec(name=name)))
    try:
        yield Place(type="volume", source=name)
    finally:
        await tools.engine.apply(step(Verb.REMOVE_VOLUME))
