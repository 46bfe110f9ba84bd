"""Where copies of data go, and what makes them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from tabib.model.backup import BackupPolicy, Dataset
from tabib.model.container import EngineInfo
from tabib.model.settings import BackupSettings
from tabib.operations.backups.datasets import datasets
from tabib.operations.backups.litestream.keeper import Keeper as LitestreamKeeper
from tabib.operations.backups.policy import policy_of
from tabib.operations.backups.take import take
from tabib.operations.backups.tools import BackupTools
from tabib.operations.backups.wal import Keeper
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools
from tabib.ports import Clock, Engine
from tabib.stores.repository import Rclone, ResticRepositories
from tabib.wiring.stores import Stores


def build_backups(
    engine: Engine, info: EngineInfo, stores: Stores, clock: Clock, settings: BackupSettings
) -> BackupTools:
    """What backups of a connected engine's data work with. Does no I/O."""
    root = os.geteuid() == 0
    repositories = ResticRepositories(
        engine,
        info,
        state=stores.state.path,
        installation=stores.state.installation,
        journal=stores.journal,
        vault=stores.vault,
        clock=clock,
        image=settings.image,
        is_root=root,
        keep_image=True,
        host_program=(shutil.which("restic") or "") if info.local and root else "",
        rclone=_rclone() if info.local else None,
    )
    return BackupTools(repositories=repositories, settings=settings)


def _rclone() -> Rclone:
    """This host's rclone: addresses ``rclone:`` name what its configuration knows."""
    found = shutil.which("rclone")
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    config = os.environ.get("RCLONE_CONFIG") or f"{base}/rclone/rclone.conf"
    return Rclone(
        program=str(Path(found).resolve()) if found else "",
        config=config if Path(config).is_file() else "",
    )


def _logged(tools: Tools) -> Callable[[str], Awaitable[tuple[BackupPolicy, list[Dataset]]]]:
    async def wanted(project: str) -> tuple[BackupPolicy, list[Dataset]]:
        policy = await policy_of(tools, project)
        kept = policy.enabled and policy.point_in_time
        return policy, await datasets(tools, project) if kept else []

    return wanted


def build_wal(tools: Tools) -> Keeper:
    """What keeps the write-ahead logs of an engine's databases. Does no I/O."""

    async def base(project: str, dataset: Dataset, why: str) -> None:
        operation = Operation(tools.new_id(), "backup", project)
        await take(tools, project, operation, trigger="schedule", reason=f"{dataset.name}: {why}")

    return Keeper(tools, _logged(tools), base)


def build_litestream(tools: Tools) -> LitestreamKeeper:
    """What has SQLite files replicated. Does no I/O."""
    return LitestreamKeeper(tools, _logged(tools))
