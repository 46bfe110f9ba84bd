"""What the daemon before this one left of restores and drills when it died: helpers that still run,
places that nobody uses, data that was half exchanged. Put right before anything else is done with
the projects it is of."""

from __future__ import annotations

from contextlib import ExitStack, suppress

import structlog

from tabib.model.container import LABEL_OWNER
from tabib.model.errors import TabibError
from tabib.model.oneshot import LABEL_HELPER
from tabib.operations.backups.prepared import Prepared, prepared
from tabib.operations.backups.scratch import remove
from tabib.operations.backups.settle import settle_all
from tabib.operations.tools import Tools

log = structlog.get_logger("tabib.restore")

_LIVES_ON = ("wal",)
"""What such helpers do goes on without a daemon; the next one takes them up again."""


class Leftovers:
    """One daemon's look back, on one engine. ``recall``, then ``clear``."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._helpers: list[str] = []
        self._prepared: list[Prepared] = []
        self._held = ExitStack()

    async def recall(self) -> None:
        """See what is left, before any operation of this daemon begins; until it is put right, its
        projects count as in hand.

        :raises StateUnusable: the journal cannot be read.
        """
        tools = self._tools
        self._prepared = await prepared(tools)
        for project in {one.project for one in self._prepared}:
            self._held.enter_context(tools.actions.working_on(project))
        seen = await tools.engine.observe(detail=False)
        self._helpers = [
            one.id
            for one in seen.containers
            if one.labels.get(LABEL_HELPER, "wal") not in _LIVES_ON
            and one.labels.get(LABEL_OWNER) == tools.installation
        ]

    async def clear(self) -> None:
        """Remove and complete it; trouble is told, and met again by the next restore."""
        with self._held:
            for container in self._helpers:
                with suppress(TabibError):
                    await remove(self._tools, container)
            if self._prepared:
                log.warning("restore.cut_off", places=len(self._prepared))
            await settle_all(self._tools, self._prepared)
