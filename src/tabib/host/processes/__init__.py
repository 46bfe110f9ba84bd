"""The kernel's event streams about processes: the adapter of ``ports.KernelStreams``."""

from tabib.host.processes.streams import LinuxStreams

__all__ = ["LinuxStreams"]
