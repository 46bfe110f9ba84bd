"""The memory engine: a faithful, seedable engine in the process, on virtual time, with faults."""

from tabib.engines.memory.clock import VirtualClock, VirtualLoop
from tabib.engines.memory.connection import connect, forget_worlds, world_of
from tabib.engines.memory.engine import MemoryEngine
from tabib.engines.memory.faults import CrashPoint, Faults, SimulatedCrash
from tabib.engines.memory.program import FOREVER, INSTANT, Latency, Program, ProgramRegistry
from tabib.engines.memory.world import World

__all__ = [
    "FOREVER",
    "INSTANT",
    "CrashPoint",
    "Faults",
    "Latency",
    "MemoryEngine",
    "Program",
    "ProgramRegistry",
    "SimulatedCrash",
    "VirtualClock",
    "VirtualLoop",
    "World",
    "connect",
    "forget_worlds",
    "world_of",
]
