"""Builds and pushes of the memory engine: what a Dockerfile of simple instructions leaves.

It knows FROM, RUN (``false`` and ``exit N`` fail; everything else succeeds), COPY and ADD (what
they name must be in the context), ENV, LABEL, USER, WORKDIR, CMD, ENTRYPOINT and VOLUME.
"""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import re
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

from tabib.decide.dockerfile import Instruction, instructions
from tabib.engines.memory import refusals
from tabib.engines.memory.records import ImageRecord
from tabib.engines.memory.world import World, full_reference, repository
from tabib.model.build import BuildSpec
from tabib.model.errors import Bug, BuildFailed
from tabib.model.plan import Step, StepProgress
from tabib.ports import OutputSink, ProgressSink

_FAILS = re.compile(r"(?:.*[;&]\s*)?(?:exit\s+([1-9]\d*)|(false))\s*$", re.DOTALL)
_TEXTS = {"CMD": "Cmd", "ENTRYPOINT": "Entrypoint"}


@dataclass(slots=True)
class _Build:
    world: World
    step: Step
    spec: BuildSpec
    files: dict[str, bytes]
    output: OutputSink | None
    config: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    seal: Any = field(default_factory=hashlib.sha256)

    def carry_out(self, one: Instruction) -> None:
        """:raises BuildFailed: it fails."""
        self.seal.update(one.text.encode())
        if one.word == "FROM":
            self._from(one)
        elif one.word == "RUN":
            self._run(one)
        elif one.word in ("COPY", "ADD"):
            self._copy(one)
        elif one.word in _TEXTS:
            self.config[_TEXTS[one.word]] = _argv(one.rest)
        elif one.word == "LABEL":
            key, _, value = one.rest.partition("=")
            labels = self.config.setdefault("Labels", {})
            labels[key] = value.strip('"')
        elif one.word == "VOLUME":
            self.config.setdefault("Volumes", {})[one.rest] = {}

    def _from(self, one: Instruction) -> None:
        name = one.rest.split()[0]
        if name == "scratch":
            return
        image = self.world.image(name) or self.world.registry.get(full_reference(name))
        if image is None:
            raise refusals.no_image(name, "build image")
        self.config = json.loads(json.dumps(image.config))
        self.seal.update(image.id.encode())

    def _run(self, one: Instruction) -> None:
        echoed = re.match(r"echo ([^;&|>]*)", one.rest)
        if echoed:
            self.said.append(echoed[1].strip())
            if self.output:
                self.output(echoed[1].strip())
        failed = _FAILS.match(one.rest)
        if failed:
            self._fail(one, f"`{one.text}` ended with {failed[1] or 1}", int(failed[1] or 1))

    def _copy(self, one: Instruction) -> None:
        words = [word for word in one.rest.split() if not word.startswith("--")]
        if "--from=" in one.rest:
            return
        for source in words[:-1]:
            wanted = posixpath.normpath(source).lstrip("/")
            found = [
                name
                for name in sorted(self.files)
                if wanted == "." or fnmatch(name, wanted) or name.startswith(f"{wanted}/")
            ]
            if not found:
                said = f"COPY failed: file not found in build context: {source}"
                self._fail(one, said, None)
            for name in found:
                self.seal.update(name.encode() + b"\0" + self.files[name])

    def _fail(self, one: Instruction, said: str, code: int | None) -> None:
        raise BuildFailed(
            f"{said} ({self.spec.dockerfile}:{one.line})",
            attempted="build image",
            target=self.step.target,
            details={
                "dockerfile": self.spec.dockerfile,
                "line": one.line,
                "instruction": one.text,
                "exit_code": code,
                "log_tail": self.said,
            },
        )


async def build(
    world: World,
    step: Step,
    context: AsyncIterator[bytes] | None,
    progress: ProgressSink | None,
    output: OutputSink | None,
) -> str:
    """The image's id: the same for the same Dockerfile, context, arguments and labels.

    :raises BuildFailed: an instruction failed, or there is no Dockerfile.
    """
    spec = step.build
    if spec is None:
        raise Bug("build_image without a specification", target=step.subject)
    files = _unpacked(b"".join([chunk async for chunk in context])) if context else {}
    if spec.dockerfile not in files:
        raise BuildFailed(
            f"there is no {spec.dockerfile} in the context",
            attempted="build image",
            target=step.target,
        )
    work = _Build(world, step, spec, files, output)
    wanted = _until_target(instructions(files[spec.dockerfile].decode()), spec.target)
    for number, one in enumerate(wanted, 1):
        if progress:
            text = f"{number}/{len(wanted)} {one.text}"
            progress(StepProgress(step_id=step.id, text=text))
        await world.pause(world.latency.of("build_image", world.rng))
        work.said = [] if one.word == "RUN" else work.said
        work.carry_out(one)
    return _tagged(world, work)


def _tagged(world: World, work: _Build) -> str:
    work.config.setdefault("Labels", {}).update(work.spec.labels)
    work.seal.update(json.dumps([dict(work.spec.args), work.config], sort_keys=True).encode())
    image_id = f"sha256:{work.seal.hexdigest()}"
    image = world.images.get(image_id) or ImageRecord(image_id, config=work.config)
    for tag in work.spec.tags:
        world.tag(image, full_reference(tag))
        world.events.emit("image", "tag", image.id, tag, {})
    return image.id


async def push(world: World, reference: str) -> str:
    """Put an image into the world's registry; its digest.

    :raises ImageUnavailable: there is no such image.
    """
    image = world.image(reference)
    if image is None:
        raise refusals.no_image(reference, "push image")
    digest = "sha256:" + hashlib.sha256(image.id.encode()).hexdigest()
    image.digests.add(f"{repository(reference)}@{digest}")
    world.registry[full_reference(reference)] = image
    world.events.emit("image", "push", reference, reference, {})
    return digest


def _unpacked(data: bytes) -> dict[str, bytes]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for info in tar:
            source = tar.extractfile(info) if info.isfile() else None
            if source is not None:
                found[info.name.removeprefix("./")] = source.read()
    return found


def _until_target(all_of_them: list[Instruction], target: str) -> list[Instruction]:
    """The instructions up to the end of the stage ``target``, or all of them."""
    kept: list[Instruction] = []
    inside = False
    for one in all_of_them:
        if one.word == "FROM":
            if inside:
                break
            inside = bool(target) and one.rest.lower().endswith(f" as {target.lower()}")
        kept.append(one)
    return kept


def _argv(rest: str) -> list[str]:
    if rest.startswith("["):
        return [str(word) for word in json.loads(rest)]
    return ["/bin/sh", "-c", rest]
