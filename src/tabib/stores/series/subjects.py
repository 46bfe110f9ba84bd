"""Subjects: each has a number in this file. Known in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apsw

from tabib.decide.rollup import USUAL_US
from tabib.model.sample import Known, Subject
from tabib.stores.rows import every, from_us

_FIELDS = "engine_id, kind, id, name, parent, project, service, slot, image"
Row = tuple[int | str, ...]


@dataclass(slots=True)
class Entry:
    """A subject that is known. ``last``: its newest values, packed; empty where they are not in
    memory. ``interval_us``: how often it is read."""

    number: int
    subject: Subject
    first_us: int
    last_us: int
    interval_us: int = USUAL_US
    last: bytes = b""

    @property
    def known(self) -> Known:
        return Known(
            subject=self.subject,
            first_seen=from_us(self.first_us),
            last_seen=from_us(self.last_us),
        )

    @property
    def row(self) -> Row:
        one = self.subject
        return (
            self.number, one.engine_id, one.kind, one.id, one.name, one.parent, one.project,
            one.service, one.slot, one.image, self.first_us, self.last_us, self.interval_us,
        )  # fmt: skip


class Subjects:
    """The register: by number and by identity."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.by_number = {entry.number: entry for entry in entries}
        self._by_identity = {_identity(one.subject): one for one in self.by_number.values()}
        self._next = max(self.by_number, default=0) + 1

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self.by_number.values()))

    def __len__(self) -> int:
        return len(self.by_number)

    def find(self, subject: Subject) -> Entry | None:
        return self._by_identity.get(_identity(subject))

    def seen(self, subject: Subject, at_us: int) -> tuple[Entry, bool]:
        """Its entry, made or renamed where that is due; whether its row must be written."""
        entry = self._by_identity.get(_identity(subject))
        if entry is None:
            entry = Entry(self._next, subject, at_us, at_us)
            self._next += 1
            self.by_number[entry.number] = entry
            self._by_identity[_identity(subject)] = entry
            return entry, True
        changed = entry.subject is not subject and entry.subject != subject
        entry.subject = subject
        return entry, changed

    def forget(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            entry = self.by_number.pop(number, None)
            if entry is not None:
                del self._by_identity[_identity(entry.subject)]


def load(base: apsw.Connection) -> Subjects:
    rows = every(base, f"SELECT number, {_FIELDS}, first_us, last_us, interval_us FROM subject")
    return Subjects(_entry(row) for row in rows)


def upsert(base: apsw.Connection, rows: Iterable[Row]) -> None:
    base.executemany(
        f"INSERT OR REPLACE INTO subject (number, {_FIELDS}, first_us, last_us, interval_us) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )


def _identity(subject: Subject) -> tuple[str, str, str]:
    return subject.engine_id, subject.kind, subject.id


def _entry(row: tuple[int | str, ...]) -> Entry:
    (
        number,
        engine_id,
        kind,
        id_,
        name,
        parent,
        project,
        service,
        slot,
        image,
        first,
        last,
        every_,
    ) = row
    subject = Subject(
        kind=str(kind), id=str(id_), engine_id=str(engine_id), name=str(name), parent=str(parent),
        project=str(project), service=str(service), slot=int(slot), image=str(image),
    )  # fmt: skip
    return Entry(int(number), subject, int(first), int(last), int(every_))
