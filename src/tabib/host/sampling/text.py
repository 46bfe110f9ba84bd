"""The kernel's text formats → integers. Pure; what cannot be read is None."""

from __future__ import annotations

from collections.abc import Sequence

Number = int | None


def number(data: bytes | None) -> Number:
    """A file that holds one number."""
    if data is None:
        return None
    try:
        return int(data)
    except ValueError:
        return None


class Table:
    """Some values of a file of ``key value`` lines, each key's place learnt from the file before:
    a kernel writes the same lines in the same order each time."""

    __slots__ = ("_keys", "_places")

    def __init__(self, *keys: str) -> None:
        self._keys = tuple(key.encode() for key in keys)
        self._places: list[int] = []

    def pick(self, data: bytes | None) -> list[Number]:
        """The values of the keys, in their order; None for each that is not there."""
        if data is None:
            return [None] * len(self._keys)
        words = data.split()
        try:
            for key, place in zip(self._keys, self._places, strict=True):
                if words[place] != key:
                    return self._learn(words)
            return [int(words[place + 1]) for place in self._places]
        except (IndexError, ValueError):
            return self._learn(words)

    def _learn(self, words: Sequence[bytes]) -> list[Number]:
        found = dict(zip(words[::2], range(0, len(words), 2), strict=False))
        if all(key in found for key in self._keys):
            self._places = [found[key] for key in self._keys]
        return [self._value(words, found.get(key)) for key in self._keys]

    @staticmethod
    def _value(words: Sequence[bytes], place: int | None) -> Number:
        if place is None or place + 1 >= len(words):
            return None
        return number(words[place + 1])


def pressure(data: bytes | None) -> tuple[Number, Number]:
    """(some, full): total stall time in microseconds. Source: kernel, ``accounting/psi.rst``."""
    if not data:
        return None, None
    parts = data.split(b"total=")
    totals = [number(part.split(b"\n", 1)[0]) for part in parts[1:3]]
    return (totals[0] if totals else None), (totals[1] if len(totals) > 1 else None)


Network = tuple[int, int, int, int, int, int, int, int]
NO_NETWORK: tuple[Number, ...] = (None,) * 8

_UNUSED = frozenset(b"lo tunl0 sit0 gre0 gretap0 erspan0 ip_vti0 ip6_vti0 ip6tnl0 ip6gre0".split())
"""The loopback, and what a kernel puts into each namespace (``fb_tunnels_only_for_init_net``)."""


def interfaces(data: bytes) -> dict[str, Network]:
    """``/proc/net/dev`` (proc_pid_net(5)): name → values in the order of ``metrics.INTERFACE``."""
    found = {}
    for line in data.split(b"\n")[2:]:
        name, colon, rest = line.partition(b":")
        name = name.strip()
        if not colon or name in _UNUSED:
            continue
        try:
            values = [int(word) for word in rest.split()]
            found[name.decode(errors="replace")] = (
                values[0], values[8], values[1], values[9],
                values[2], values[10], values[3], values[11],
            )  # fmt: skip
        except (ValueError, IndexError):
            continue
    return found


def total(networks: Sequence[Sequence[int]]) -> tuple[Number, ...]:
    """The sum of several interfaces; of none, zeros."""
    if len(networks) == 1:
        return tuple(networks[0])
    return tuple(map(sum, zip(*networks, strict=True))) if networks else (0,) * 8


Block = tuple[int, int, int, int]
"""Bytes read, bytes written, reads, writes."""


def io_stat(data: bytes) -> dict[str, Block]:
    """``io.stat`` (kernel, ``admin-guide/cgroup-v2.rst``): device ``major:minor`` → figures."""
    found = {}
    for line in data.split(b"\n"):
        device, *pairs = line.split()[:8] or [b""]
        values = dict(pair.partition(b"=")[::2] for pair in pairs)
        try:
            found[device.decode()] = (
                int(values[b"rbytes"]), int(values[b"wbytes"]),
                int(values[b"rios"]), int(values[b"wios"]),
            )  # fmt: skip
        except (KeyError, ValueError):
            continue
    return found


def blkio(data: bytes) -> dict[str, tuple[int, int]]:
    """``blkio.throttle.io_*`` (kernel, ``cgroup-v1/blkio-controller.rst``): lines ``8:0 Read 42``:
    device → (Read, Write)."""
    found: dict[str, tuple[int, int]] = {}
    for line in data.split(b"\n"):
        words = line.split()
        if len(words) != 3 or words[1] not in (b"Read", b"Write"):
            continue
        amount = number(words[2])
        if amount is None:
            continue
        device = words[0].decode(errors="replace")
        read, written = found.get(device, (0, 0))
        found[device] = (amount, written) if words[1] == b"Read" else (read, amount)
    return found
