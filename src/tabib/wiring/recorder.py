"""The flight recorder of one engine, with what reads the kernel."""

from __future__ import annotations

import asyncio
import socket

from tabib.host.processes import LinuxStreams
from tabib.host.sampling import KernelSampler
from tabib.model.container import EngineInfo
from tabib.operations.care import Care
from tabib.operations.monitor.parts import Parts
from tabib.operations.monitor.recorder import Recorder
from tabib.operations.tools import Tools
from tabib.ports import Sampler
from tabib.wiring.stores import Recording


def build_recorder(
    tools: Tools, recording: Recording, care: Care, group: asyncio.TaskGroup
) -> Recorder:
    """The flight recorder of a connected engine; its tasks live in ``group`` once started. Where
    the engine runs on this machine it reads the kernel itself."""
    settings = recording.settings
    here = tools.info.local and tools.address.url.startswith("unix://")
    parts = Parts(
        series=recording.series,
        logs=recording.logs,
        sampler=_sampler(tools.info) if here else None,
        streams=LinuxStreams() if here and settings.processes else None,
        retention=settings,
        usual_s=settings.interval_s,
        troubled=lambda: care.patients.treating,
    )
    return Recorder(tools, parts, group)


def _sampler(info: EngineInfo) -> Sampler:
    disks = [info.root_dir] if info.root_dir else []
    return KernelSampler(info.id, info.hostname or socket.gethostname(), disks)
