"""What a repository is, and what it holds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import msgspec

from tabib.model.backup import RepositoryFacts, Stored, StoredEntry
from tabib.model.errors import (
    NotFound,
    RepositoryDamaged,
    RepositoryMissing,
    StartFailed,
)
from tabib.stores.repository import scripts
from tabib.stores.repository.addresses import INSIDE
from tabib.stores.repository.helpers import folder_mount
from tabib.stores.repository.keys import RANDOM_LETTERS
from tabib.stores.repository.program import Program, below
from tabib.stores.repository.runs import Said, run
from tabib.stores.repository.summaries import (
    decoded_tags,
    entries_of,
    stored_of,
)

RUN_TAG = "run="
_SLOWLY_CPUS = 0.2
"""``restic init`` measures how much work half a second is, and every run then does so much before
it knows the key. That work slows guessing of words; our keys are 32 random bytes, which nobody
guesses. Made with a fifth of a processor a repository asks for a fifth of it, for good."""


class Looking(Program):
    async def open(self) -> RepositoryFacts:
        try:
            out = await self._answer(
                "open", "cat", "config", "--no-lock", deadline_s=self._answer_s
            )
        except (NotFound, StartFailed) as error:
            if "bind source path does not exist" not in str(error.details.get("engine", error)):
                raise
            raise RepositoryMissing(
                "there is no such folder on the engine's host",
                attempted="open",
                target=self.name,
                advice="Check the path; where its disk is not mounted, mount it.",
            ) from error
        try:
            config = msgspec.json.decode(out)
            return RepositoryFacts(id=str(config["id"]), version=int(config["version"]))
        except (msgspec.DecodeError, KeyError, ValueError, TypeError):
            raise RepositoryDamaged(
                "its configuration cannot be read", attempted="open", target=self.name
            ) from None

    async def create(self) -> RepositoryFacts:
        try:
            return await self.open()
        except RepositoryMissing:
            pass
        slowly = _SLOWLY_CPUS if len(self._key) >= RANDOM_LETTERS else 0.0
        if self._target.folder:
            script = scripts.init_folder(INSIDE)
            made = replace(self._target, mounts=(folder_mount(self._target.folder, INSIDE),))
            argv = ["sh", "-c", script, "sh", *self._restic("init")]
            spec = self._spec(argv, target=made, cpus=slowly)
        else:
            spec = self._spec(self._restic("init"), cpus=slowly)
        code, said = await run(self._helpers.runner, spec)
        if code == scripts.NOT_EMPTY:
            raise RepositoryDamaged(
                "its folder holds something, but no repository's configuration",
                attempted="create a repository in",
                target=self.name,
                advice="Look what is there: a repository whose file `config` was lost can be "
                "brought back; for a new one give an empty folder.",
            )
        self._judge(code, said, "create")
        return await self.open()

    async def facts(self) -> RepositoryFacts:
        known = await self.open()
        out = await self._answer("measure", "stats", "--mode", "raw-data", "--json", "--no-lock")
        figures = msgspec.json.decode(out)
        stored = await self.stored()
        return RepositoryFacts(
            id=known.id,
            version=known.version,
            size_bytes=int(figures.get("total_size") or 0),
            snapshots=len(stored),
        )

    async def stored(self, tags: Sequence[str] = ()) -> list[Stored]:
        wanted = set(tags)
        return [
            Stored(
                id=one.id,
                at=one.at,
                tags=decoded_tags(tag for tag in one.tags if not tag.startswith(RUN_TAG)),
                paths=one.paths,
                parent=one.parent,
            )
            for one in await self._all()
            if wanted <= set(decoded_tags(one.tags))
        ]

    async def _all(self) -> list[Stored]:
        out = await self._answer("list snapshots of", "snapshots", "--json", "--no-lock")
        return sorted(stored_of(out), key=lambda one: (one.at, one.id))

    async def entries(self, stored: str, path: str = "/") -> list[StoredEntry]:
        asked = below("/", path)
        out = await self._answer("list", "ls", "--json", "--no-lock", stored, asked, about=stored)
        found = entries_of(out)
        if asked != "/" and not any(one.path.startswith(asked) for one in found):
            raise NotFound(
                "there is nothing of that name", attempted="list", target=f"{stored}:{asked}"
            )
        parent = asked.rstrip("/")
        return [one for one in found if one.path.rpartition("/")[0] == parent and one.path != asked]

    async def read(self, stored: str, path: str) -> AsyncIterator[bytes]:
        spec = self._spec(self._restic("dump", "--no-lock", stored, below("/", path)))
        said = Said()
        async with self._helpers.runner.start_one_shot(spec) as process:
            async for stream, data in process.output():
                if stream == "stdout":
                    yield data
                else:
                    said.add_error(data)
            code = await process.exit_code()
        self._judge(code, said, "read from", about=f"{stored}:{path}")

    async def _forget(self, stored: Sequence[str]) -> None:
        wanted = set(stored)
        there = [one.id for one in await self._all() if one.id in wanted or one.id[:8] in wanted]
        if there:
            await self._unlocked(
                lambda: self._answer("forget snapshots in", "forget", "--quiet", *there)
            )
