"""One repository: an adapter of :class:`tabib.ports.Repository` on restic in helper containers."""

from __future__ import annotations

from collections.abc import Sequence

from tabib.model.errors import (
    Refused,
    RepositoryDamaged,
)
from tabib.ports import BytesSink
from tabib.stores.repository.bringing_back import BringingBack
from tabib.stores.repository.runs import run
from tabib.stores.repository.saving import Saving
from tabib.stores.repository.summaries import (
    freed_bytes,
)


class ResticRepository(Saving, BringingBack):
    """See the port."""

    async def forget(self, stored: Sequence[str]) -> None:
        if not stored:
            return
        if self._append_only:
            raise Refused(
                "it is append-only",
                attempted="forget snapshots in",
                target=self.name,
                advice="Let its own side remove them.",
            )
        await self._forget(stored)

    async def prune(self, *, progress: BytesSink | None = None) -> int:
        del progress
        if self._append_only:
            raise Refused(
                "it is append-only",
                attempted="prune",
                target=self.name,
                advice="Let its own side do it.",
            )
        out = await self._unlocked(lambda: self._answer("prune", "prune", low=True))
        return freed_bytes(out.decode(errors="replace"))

    async def check(self, *, subset: str = "") -> None:
        words = ["check", *([f"--read-data-subset={subset}"] if subset else [])]

        async def attempt() -> None:
            code, said = await run(self._helpers.runner, self._spec(self._restic(*words), low=True))
            if code == 1 and "repository contains errors" in said.stderr + said.text:
                raise RepositoryDamaged(
                    _tail(said.stderr),
                    attempted="check",
                    target=self.name,
                    advice="Do not prune it. What the snapshots lack, `restic repair` tells.",
                )
            self._judge(code, said, "check")

        await self._unlocked(attempt)


def _tail(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(lines[-6:])[:600]
