"""Writes what a repository holds into an empty place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tabib.model.backup import BytesDone, Place
from tabib.model.container import Mount
from tabib.model.errors import (
    Damaged,
    Refused,
    TabibError,
)
from tabib.ports import BytesSink
from tabib.stores.repository import scripts
from tabib.stores.repository.helpers import RESTORE, place_mount
from tabib.stores.repository.program import Program, below
from tabib.stores.repository.progress import Meter
from tabib.stores.repository.runs import Said, run

_NO_ROOM = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)


class BringingBack(Program):
    async def restore_files(
        self,
        stored: str,
        target: Place,
        *,
        path: str = "/data",
        include: Sequence[str] = (),
        progress: BytesSink | None = None,
    ) -> None:
        # The target is mounted where the tree will be written: so its root is written as well.
        inside = below("/restore", path)
        chosen = [below(path, one.removeprefix(path)) for one in include] or [below("/", path)]
        words = ["restore", "--json", "--no-lock", stored, "--target=/restore"]
        words += [f"--include={_literal(one)}" for one in chosen]
        meter = Meter(progress, self._clock.monotonic)

        def on_line(line: dict[str, Any]) -> None:
            if line.get("message_type") in ("status", "summary"):
                meter.status(line)

        spec = self._spec(
            ["sh", "-c", scripts.restore(inside), "sh", *self._restic(*words)],
            purpose=RESTORE,
            # restic gives the folders above it their modes as well.
            mounts=[
                *([Mount(type="tmpfs", target="/restore")] if inside != "/restore" else []),
                place_mount(target, inside, read_only=False),
            ],
        )
        code, said = await run(self._helpers.runner, spec, on_line=on_line)
        self._judge_restore(code, said, stored, target)

    async def unpack(
        self,
        stored: str,
        target: Place,
        *,
        path: str,
        inner: str = "",
        progress: BytesSink | None = None,
    ) -> None:
        inside = "/restore/data"
        spec = self._spec(
            [
                *("sh", "-c", scripts.unpack(inside, inner), "sh"),
                *self._restic("dump", "--no-lock", stored, below("/", path)),
            ],
            purpose=RESTORE,
            mounts=[place_mount(target, inside, read_only=False)],
        )
        meter = Meter(progress, self._clock.monotonic)
        code, said = await run(self._helpers.runner, spec, on_line=lambda line: None)
        self._judge_restore(code, said, stored, target)
        meter.say(BytesDone(done=0), last=True)

    def _judge_restore(self, code: int, said: Said, stored: str, target: Place) -> None:
        if code == scripts.NOT_EMPTY:
            raise Refused(
                f"the {target.type} {target.source} is not empty",
                attempted=f"restore {stored} from",
                target=self.name,
                advice="Restore into a new one: nothing is ever written over.",
            )
        if code and _NO_ROOM.search(said.stderr):
            raise TabibError(
                f"there is no room for it in the {target.type} {target.source}",
                attempted=f"restore {stored} from",
                target=self.name,
                advice="Free space on the disk that it is on.",
                details={"code": "full"},
            )
        if code == scripts.NOT_UNPACKED:
            raise Damaged(
                f"its archive cannot be unpacked: {said.stderr.strip()[-300:]}",
                attempted=f"restore {stored} from",
                target=self.name,
            )
        self._judge(code, said, "restore from", about=stored)


def _literal(path: str) -> str:
    """``path`` as a pattern that matches it alone."""
    return re.sub(r"([*?\[\\$])", lambda found: f"\\{found[1]}", path)
