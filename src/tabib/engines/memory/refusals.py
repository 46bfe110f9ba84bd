"""The memory engine's refusals, in the real engine's words and tabib's error tree."""

from __future__ import annotations

from typing import Any

from tabib.engines.memory.records import ContainerRecord
from tabib.model.errors import Conflict, EngineError, ImageUnavailable, PortTaken, StartFailed

START = "start container"


class Unstartable(Exception):
    """A start that failed: ``error`` is the answer, ``said`` stays as ``State.Error``."""

    def __init__(self, error: StartFailed, said: str, exit_code: int) -> None:
        super().__init__(said)
        self.error = error
        self.said = said
        self.exit_code = exit_code


def conflict(said: str, record: ContainerRecord, *, status: int = 409) -> Conflict:
    return Conflict(
        said,
        target=record.name,
        advice="Something changed meanwhile: look again.",
        details={"status": status},
    )


def not_running(record: ContainerRecord, head: str = "") -> Conflict:
    return conflict(f"{head}Container {record.id} is not running", record)


def name_taken(name: str, holder: ContainerRecord, attempted: str) -> Conflict:
    return Conflict(
        f"the name {name} is taken by container {holder.id}",
        attempted=attempted,
        target=name,
        advice="Rename or remove that container.",
        details={"status": 409, "code": "config.name-conflict", "name": name, "holder": holder.id},
    )


def cannot_start(
    record: ContainerRecord, said: str, exit_code: int, *, code: str = ""
) -> Unstartable:
    codes = {127: "exit.command-not-found", 126: "exit.not-executable"}
    details: dict[str, Any] = {"status": 400, "engine": said}
    code = code or codes.get(exit_code, "")
    if code:
        details["code"] = code
    if exit_code in codes:
        details["exit_code"] = exit_code
    error = StartFailed(said, attempted=START, target=record.name, details=details)
    return Unstartable(error, said, exit_code)


def port_taken(record: ContainerRecord, port: int, protocol: str, holder: str) -> Unstartable:
    said = (
        f"driver failed programming external connectivity on endpoint {record.name}: "
        f"Bind for 0.0.0.0:{port} failed: port is already allocated"
    )
    error = PortTaken(
        f"port {port} is already in use",
        attempted=START,
        target=record.name,
        advice="Stop what uses it, or publish another port.",
        details={
            "status": 500,
            "engine": said,
            "code": "network.port-taken",
            "port": port,
            "protocol": protocol,
            "holder": holder,
        },
    )
    return Unstartable(error, said, 128)


def no_image(reference: str, attempted: str) -> ImageUnavailable:
    return ImageUnavailable(
        "the image is not on this engine"
        if attempted != "pull image"
        else "the registry has no such image",
        attempted=attempted,
        target=reference,
        advice="Pull it or build it first."
        if attempted != "pull image"
        else "Check the name and the tag.",
        details={"status": 404, "code": "image.not-found", "engine": f"No such image: {reference}"},
    )


def bad_request(said: str, attempted: str, target: str, status: int = 400) -> EngineError:
    return EngineError(said, attempted=attempted, target=target, details={"status": status})
