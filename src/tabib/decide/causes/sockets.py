"""Who is connected with whom, from the kernel's socket tables of the services' own networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_ESTABLISHED, _CLOSE_WAIT, _LISTEN = "01", "08", "0A"
_MAPPED = "0000000000000000FFFF0000"
_LOCAL = ("7F", "00000000")

End = tuple[str, str]
"""Address and port as the kernel writes them: hexadecimal."""


def connections(tables: Mapping[str, str]) -> dict[tuple[str, str], int]:
    """(caller, callee) → how many connections the caller holds to it. ``tables``: service → the
    text of ``/proc/PID/net/tcp`` and ``tcp6`` of its containers, one after the other."""
    listens: dict[str, set[str]] = {}
    served: dict[tuple[End, End], str] = {}
    open_: list[tuple[str, End, End]] = []
    for service, text in tables.items():
        listening = listens.setdefault(service, set())
        for local, remote, state in _rows(text):
            if state == _LISTEN:
                listening.add(local[1])
            elif state in (_ESTABLISHED, _CLOSE_WAIT) and not _own(local):
                open_.append((service, local, remote))
    for service, local, remote in open_:
        if local[1] in listens[service]:
            served[local, remote] = service
    found: dict[tuple[str, str], int] = {}
    for service, local, remote in open_:
        callee = served.get((remote, local))
        if callee is not None and callee != service and local[1] not in listens[service]:
            found[service, callee] = found.get((service, callee), 0) + 1
    return found


def _rows(text: str) -> Iterator[tuple[End, End, str]]:
    for line in text.splitlines():
        words = line.split(maxsplit=4)
        if len(words) < 4 or ":" not in words[1] or ":" not in words[2]:
            continue
        yield _end(words[1]), _end(words[2]), words[3]


def _end(text: str) -> End:
    address, _, port = text.partition(":")
    return address.removeprefix(_MAPPED), port


def _own(local: End) -> bool:
    """The kernel writes an IPv4 address with its bytes turned round: 127.0.0.1 is 0100007F."""
    address = local[0]
    return len(address) == 8 and (address.endswith(_LOCAL[0]) or address == _LOCAL[1])
