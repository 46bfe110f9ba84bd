"""How a project's data is backed up, now and next: looked at, nothing is done."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from tabib.decide.backups.point_in_time import why_no_log
from tabib.model.backup import BackupPolicy, RepositoryAddress
from tabib.model.codec import builtins
from tabib.model.errors import RepositoryMissing, TabibError
from tabib.operations.backups.datasets import datasets
from tabib.operations.backups.identities import frozen
from tabib.operations.backups.keep import judgements
from tabib.operations.backups.litestream.program import program
from tabib.operations.backups.policy import policy_of
from tabib.operations.backups.rows import dataset_row
from tabib.operations.backups.schedule import next_times
from tabib.operations.backups.tools import BackupTools, require
from tabib.operations.tools import Tools

_LOOK_S = 20.0
"""So long is waited for a repository to answer."""


async def outlook(tools: Tools, project: str, *, look: bool = True) -> Mapping[str, Any]:
    """Data sets with coverage and why, of which a log is kept, policy without secrets, next time,
    repositories, what retention would do. ``look``: ask each repository how it is.

    :raises Refused: this daemon copies no data.
    """
    backups = require(tools, "plan backups of", project)
    policy = await policy_of(tools, project)
    backup, drill = await next_times(tools, project)
    found = await datasets(tools, project)
    return {
        "project": project,
        "datasets": [dataset_row(one) for one in found],
        "logs": [
            {
                "dataset": one.name,
                "why_not": why_no_log(one, local=tools.info.local, litestream=bool(program(tools))),
            }
            for one in found
            if policy.point_in_time and one.kind != "cache"
        ],
        "policy": _policy_row(policy),
        "next_at": builtins(backup.at) if backup else None,
        "next_drill_at": builtins(drill.at) if drill else None,
        "repositories": await asyncio.gather(
            *(_repository_row(backups, one, look) for one in policy.repositories)
        ),
        "frozen": await frozen(tools, project),
        "retention": [
            {
                "snapshot": one.snapshot.id,
                "taken_at": builtins(one.snapshot.taken_at),
                "trigger": one.snapshot.trigger,
                "repository": one.snapshot.repository,
                "keep": one.keep,
                "reasons": list(one.reasons),
            }
            for one in await judgements(tools, project)
        ],
    }


def _policy_row(policy: BackupPolicy) -> Mapping[str, Any]:
    row: dict[str, Any] = builtins(policy)
    del row["repositories"]
    return row


async def _repository_row(
    backups: BackupTools, address: RepositoryAddress, look: bool
) -> Mapping[str, Any]:
    row: dict[str, Any] = {
        "name": address.name or _without_secrets(address.url) or "the default one",
        "append_only": address.append_only,
        "limit_upload_kib": address.limit_upload_kib,
        "state": "unknown",
        "why": "",
    }
    if not look:
        return row
    try:
        async with asyncio.timeout(_LOOK_S):
            repository = await backups.repositories.get(address, create=False)
    except RepositoryMissing as error:
        gone = "id" in error.details
        return row | {
            "state": "gone" if gone else "none yet",
            "why": error.happened if gone else "",
        }
    except TabibError as error:
        return row | {"state": error.kind, "why": error.happened}
    except TimeoutError:
        return row | {"state": "repository_unreachable", "why": f"no answer in {_LOOK_S:g} s"}
    return row | {"name": repository.name, "state": "ready"}


def _without_secrets(url: str) -> str:
    """``url`` without user and password."""
    head, mark, rest = url.partition("//")
    return head + mark + rest.rpartition("@")[2] if "@" in rest.partition("/")[0] else url
