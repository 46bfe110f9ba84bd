"""Copies in the stream of an operation: rows of data sets with bytes, as steps of plans have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tabib.model.backup import BytesDone, Dataset
from tabib.model.errors import TabibError
from tabib.operations.operation import Operation

COPY = "copy_data"
RESTORE = "restore_data"
CHECK = "check_data"
EVERY_BYTES = 1 << 20


class Rows:
    """Announces data sets, and tells how far each is. ``verb``: what happens to them."""

    def __init__(self, operation: Operation, project: str, verb: str) -> None:
        self._operation = operation
        self._project = project
        self._verb = verb

    def announce(self, datasets: Sequence[Dataset], reason: str) -> None:
        """Say what will be done, before anything is."""
        steps = [
            {
                "id": self._id(one),
                "verb": self._verb,
                "subject": one.name,
                "reason": reason,
                "service": one.service,
                "after": [],
                "loses_data": False,
            }
            for one in datasets
        ]
        self._operation.emit("plan", project=self._project, release=None, steps=steps, notes=[])

    @contextmanager
    def row(self, dataset: Dataset) -> Iterator[Progress]:
        """The block is the work on one data set."""
        self._step(dataset, "started")
        try:
            yield self.progress(dataset)
        except TabibError as error:
            self._step(dataset, "failed", error)
            raise
        except BaseException:
            self._step(dataset, "stopped")
            raise
        self._step(dataset, "done")

    def progress(self, dataset: Dataset) -> Progress:
        """For bytes of a data set that are read before its row begins."""
        return Progress(self._operation, self._id(dataset), dataset.name)

    def _id(self, dataset: Dataset) -> str:
        return f"{self._verb}:{dataset.name}"

    def _step(self, dataset: Dataset, state: str, error: TabibError | None = None) -> None:
        fields = {"error": error.to_wire()} if error else {}
        self._operation.emit(
            "step",
            id=self._id(dataset),
            state=state,
            subject=dataset.name,
            verb=self._verb,
            **fields,
        )


class Progress:
    """A :data:`tabib.ports.BytesSink` that tells the readers of an operation."""

    def __init__(self, operation: Operation, id: str, subject: str) -> None:
        self._operation = operation
        self._id = id
        self._subject = subject
        self._told = -EVERY_BYTES

    def __call__(self, done: BytesDone) -> None:
        finished = done.total is not None and done.done >= done.total
        if done.done - self._told < EVERY_BYTES and not finished:
            return
        self._told = done.done
        self._operation.emit(
            "progress",
            id=self._id,
            subject=self._subject,
            text="",
            current_bytes=done.done,
            total_bytes=done.total,
        )
