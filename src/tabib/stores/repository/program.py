"""Runs restic on one repository: what it is asked, what it answers, and what its locks mean."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from tabib.model.container import Mount
from tabib.model.errors import RepositoryLocked
from tabib.model.oneshot import OneShot
from tabib.ports import Clock
from tabib.stores.repository.addresses import INSIDE, Target
from tabib.stores.repository.helpers import Helpers
from tabib.stores.repository.locks import LIST_SCRIPT, parse_locks
from tabib.stores.repository.runs import Said, run
from tabib.stores.repository.trouble import failed

log = structlog.get_logger("tabib.repository")
T = TypeVar("T")

LOCK_WAIT_S = 300.0
_LOCK_PAUSE_S = 2.0
ANSWER_S = 25.0
"""So long a server may take to say what is there; restic itself would try for a quarter of an hour,
also with credentials that are wrong."""
_IGNORED = re.compile(r'^Ignoring "|could not load snapshot|unable to remove', re.MULTILINE)


class Program:
    """``on_held`` is called after each copy that was stored."""

    def __init__(
        self,
        helpers: Helpers,
        target: Target,
        key: str,
        clock: Clock,
        *,
        append_only: bool = False,
        limit_upload_kib: int = 0,
        on_held: Callable[[], Awaitable[None]] | None = None,
        lock_wait_s: float = LOCK_WAIT_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._helpers = helpers
        self._target = target
        self._key = key
        self._clock = clock
        self._append_only = append_only
        self._limit_upload_kib = limit_upload_kib
        self._on_held = on_held
        self._lock_wait_s = lock_wait_s
        self._answer_s = answer_s

    @property
    def name(self) -> str:
        return self._target.name

    @property
    def append_only(self) -> bool:
        return self._append_only

    def _restic(self, *words: str) -> list[str]:
        plain = ["restic", *self._target.options]
        if self._target.folder:
            plain.append("--no-cache")
        else:
            plain.append("--cleanup-cache")
        return [*plain, *words]

    def _spec(
        self,
        argv: Sequence[str],
        *,
        target: Target | None = None,
        purpose: str = "repository",
        mounts: Sequence[Mount] = (),
        input: str = "",
        low: bool = False,
        cpus: float = 0.0,
    ) -> OneShot:
        return self._helpers.spec(
            target or self._target,
            argv,
            key=self._key,
            purpose=purpose,
            mounts=mounts,
            input=input,
            low=low,
            cpus=cpus,
        )

    async def _answer(
        self,
        attempted: str,
        *words: str,
        about: str = "",
        low: bool = False,
        deadline_s: float | None = None,
    ) -> bytes:
        """What restic says to ``words`` on stdout."""
        spec = self._spec(self._restic(*words), low=low)
        code, said = await run(self._helpers.runner, spec, deadline_s=deadline_s)
        self._judge(code, said, attempted, about=about)
        # Some trouble it names and goes on, with code 0.
        if _IGNORED.search(said.stderr):
            self._judge(1, said, attempted, about=about)
        return bytes(said.out)

    def _judge(self, code: int, said: Said, attempted: str, *, about: str = "") -> None:
        if code == 0:
            return
        target = f"{self.name} ({about})" if about else self.name
        words = said.stderr or said.out.decode(errors="replace")
        raise failed(code, words, attempted=attempted, target=target)

    async def _unlocked(
        self, attempt: Callable[[], Awaitable[T]], *, may_repeat: Callable[[], bool] = lambda: True
    ) -> T:
        """What ``attempt`` gives, once the repository is not locked: locks that nobody holds are
        removed, others waited for."""
        deadline = self._clock.monotonic() + self._lock_wait_s
        while True:
            try:
                return await attempt()
            except RepositoryLocked:
                if not may_repeat():
                    raise
                if await self._unlock_dead():
                    continue
                if self._clock.monotonic() >= deadline:
                    raise
            await self._clock.sleep(_LOCK_PAUSE_S)

    async def _unlock_dead(self) -> bool:
        """Remove the locks that nobody holds; whether there were some."""
        code, said = await run(self._helpers.runner, self._spec(["sh", "-c", LIST_SCRIPT]))
        self._judge(code, said, "list locks of")
        locks = parse_locks(said.out.decode(errors="replace"))
        now = self._clock.now()
        ours = [one for one in locks if one.hostname == self._helpers.hostname]
        if ours and await self._helpers.at_work(self._target):
            ours = []
        dead = [one for one in locks if one in ours or one.old(now)]
        if not dead:
            return not locks
        log.warning(
            "repository.dead_locks",
            repository=self.name,
            locks=[one.id[:8] for one in dead],
        )
        if self._target.folder:
            paths = [f"{INSIDE}/locks/{one.id}" for one in dead]
            await run(self._helpers.runner, self._spec(["rm", "-f", *paths]))
        elif len(dead) == len(locks):
            await self._answer("unlock", "unlock", "--remove-all")
        else:
            await self._answer("unlock", "unlock")
            return all(one.old(now) for one in dead)
        return True


def below(root: str, path: str) -> str:
    """``path`` below ``root``, with one slash between its parts."""
    return re.sub(r"/+", "/", f"{root}/{path}").rstrip("/") or "/"
