"""Samples of containers, the node and its disks, from the kernel's own files.

Everything is read below :class:`Roots`, so recorded trees can be read too.
"""

from __future__ import annotations

from tabib.host.sampling.roots import Roots
from tabib.host.sampling.sampler import KernelSampler

__all__ = ["KernelSampler", "Roots"]
