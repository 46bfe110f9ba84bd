"""Who killed a process."""

from __future__ import annotations

from tabib.decide.processes.entry import Entry, Sent

ENGINE_NAMES = frozenset(
    {
        "dockerd",
        "containerd",
        "containerd-shim",
        "docker-proxy",
        "runc",
        "exe",
        "crun",
        "podman",
        "conmon",
        "crio",
        "kubelet",
    }
)
"""Short names, cut at 15 characters, of engines and what they act by; ``exe`` is runc, which runs
itself from ``/proc/self/exe``."""
_KILL = 9
UNKNOWN = "unknown"


def killer(entry: Entry) -> str:
    """``killed_by`` of a process whose exit code is known; empty where no signal ended it."""
    signal = (entry.exit_code or 0) & 0x7F
    if not signal:
        return ""
    if entry.oom and signal == _KILL:
        return "oom"
    sent = [one for one in entry.signals if one.number == signal]
    if not sent:
        return UNKNOWN
    # Nothing survives the first KILL; of the others the last was not handled.
    return _sender(entry, sent[0] if signal == _KILL else sent[-1])


def _sender(entry: Entry, sent: Sent) -> str:
    if sent.pid == entry.pid:
        return "itself"
    sender = sent.sender
    inside = sender is not None and sender.container_id == entry.container_id
    if sent.by_kernel and not inside:
        return UNKNOWN
    if sent.by_kernel and sender is not None and inside:
        # The first process of the namespace ended, and with it all others.
        return _of_namespace(sender) or f"{sent.name}[{sent.pid}]"
    if not sent.name:
        return UNKNOWN
    if inside:
        return f"{sent.name}[{sent.pid}]"
    if sent.name in ENGINE_NAMES and (sender is None or not sender.container_id):
        return "engine"
    return f"host:{sent.name}[{sent.pid}]"


def _of_namespace(first: Entry) -> str:
    """Who ended the first process of a namespace; empty: it ended by itself.

    A TERM that it handled counts: the engine asked it to stop.
    """
    if first.oom:
        return "oom"
    blamed = [_sender(first, sent) for sent in first.signals if not sent.by_kernel]
    if "engine" in blamed:
        return "engine"
    fatal = [_sender(first, sent) for sent in first.signals if sent.number == _KILL]
    return fatal[0] if fatal and fatal[0] not in ("itself", UNKNOWN) else ""
