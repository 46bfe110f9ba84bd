"""Which process a thread is of, when ``/proc`` cannot tell any more."""

from __future__ import annotations

from collections import Counter

_LIMIT = 100_000
_GONE_LIMIT = 10_000


class Threads:
    """Threads other than the first of their process, by the connector's word. Bounded.

    Those that ended are remembered for a while: a signal's sender may end within microseconds.

    Kernels before 5.19 do not tell at a task's end whose it was, nor whether it was the last, but
    of the last of several. There a task is taken for a whole process unless one of its siblings is
    known.
    """

    def __init__(self) -> None:
        self._tgids: dict[int, int] = {}
        self._alive: Counter[int] = Counter()
        self._gone: dict[int, int] = {}
        self._gone_before: dict[int, int] = {}

    def born(self, pid: int, tgid: int) -> None:
        if len(self._tgids) < _LIMIT:
            self._tgids[pid] = tgid
            self._alive[tgid] += 1

    def ended(self, pid: int) -> tuple[int, bool]:
        """A task's process, and whether no thread of it is left."""
        tgid = self._tgids.pop(pid, pid)
        if tgid != pid:
            self._alive[tgid] -= 1
            if len(self._gone) >= _GONE_LIMIT:
                self._gone, self._gone_before = {}, self._gone
            self._gone[pid] = tgid
        last = self._alive[tgid] <= 0
        if last:
            del self._alive[tgid]
        return tgid, last

    def process_of(self, pid: int) -> int:
        """The process of a thread; 0: not known."""
        for known in (self._tgids, self._gone, self._gone_before):
            if pid in known:
                return known[pid]
        return 0
