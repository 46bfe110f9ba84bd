"""Ports: one protocol per outside thing. Adapters implement them; decisions never see them."""

from tabib.ports.backups import BytesSink, Repositories, Repository
from tabib.ports.engine import Credentials, Engine, OutputSink, Process, ProgressSink, Subscription
from tabib.ports.notices import Notifier, Outbox
from tabib.ports.recorder import KernelStreams, LogStore, Receiver, Sampler, Series
from tabib.ports.state import Clock, Journal, Vault

__all__ = [
    "BytesSink",
    "Clock",
    "Credentials",
    "Engine",
    "Journal",
    "KernelStreams",
    "LogStore",
    "Notifier",
    "Outbox",
    "OutputSink",
    "Process",
    "ProgressSink",
    "Receiver",
    "Repositories",
    "Repository",
    "Sampler",
    "Series",
    "Subscription",
    "Vault",
]
