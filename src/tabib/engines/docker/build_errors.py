"""A build that failed, in words: the instruction, its line, and the last lines it wrote."""

from __future__ import annotations

import re
from collections import deque

from tabib.decide import dockerfile
from tabib.engines.docker.call import BUILD, Call
from tabib.engines.docker.errors import refused
from tabib.model.build import BuildSpec
from tabib.model.errors import BuildFailed, ImageUnavailable, TabibError

KEPT_LINES = 20
_CODE = re.compile(r"returned a non-zero code: (\d+)|exit code: (\d+)")
_PARSE_LINE = re.compile(r"parse error (?:on )?line (\d+)")
_OLD_BUILDKIT = re.compile(r"unsupported frontend capability")
_WRAPPED = re.compile(r"^(?:failed to build: |failed to solve: |failed to compute cache key: )+")
# BuildKit of Engine 20.10 says `"/x" not found: not found`.
_NOT_IN_CONTEXT = re.compile(r"\"(?P<path>/[^\"]*)\"(?: not found)?: not found$")
_COLOR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


_ADVICE = (
    (
        re.compile("not found in build context|file does not exist|is not in the build context"),
        "The file must be in the context, and not in `.dockerignore`.",
    ),
    (
        re.compile("is not in what it copies from"),
        "Look into that stage, image or additional context for the right path.",
    ),
    (
        re.compile("target stage .* could not be found|failed to reach build target"),
        "`target:` must be the name of a stage: `FROM … AS NAME`.",
    ),
    (
        re.compile("no builder .* found"),
        "`docker buildx ls`, as the daemon's user, shows those that there are; `docker buildx "
        "create --name {builder}` makes it.",
    ),
    (
        re.compile("is not supported for the docker driver"),
        "Make a builder that can (`docker buildx create --name NAME`), then name it: `tabib build "
        "--builder NAME`. Or give the engine the containerd image store.",
    ),
    (
        re.compile("exec format error"),
        "The instruction is of another platform than this machine: install an emulator (binfmt), "
        "or build on a machine of that platform.",
    ),
    (
        re.compile("entitlement|insecure"),
        "The builder must allow it too: `docker buildx create --buildkitd-flags "
        "'--allow-insecure-entitlement …'`.",
    ),
)


class Told:
    """What a build wrote since its present instruction began; the last lines are kept."""

    def __init__(self) -> None:
        self.instruction = ""
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)

    def begin(self, instruction: str) -> None:
        self.instruction = instruction
        self._lines.clear()

    def line(self, text: str) -> str:
        """The line without colours."""
        plain = _COLOR.sub("", text).rstrip()
        if plain:
            self._lines.append(plain)
        return plain

    @property
    def lines(self) -> list[str]:
        return list(self._lines)


def build_failed(spec: BuildSpec, message: str, told: Told, status: int = 200) -> TabibError:
    """The error for a build that ended with ``message``."""
    call = Call(attempted=BUILD, target=spec.tags[0])
    found = dockerfile.find(spec.text, told.instruction) if told.instruction else None
    if _OLD_BUILDKIT.search(message):
        return _too_old(spec, message)
    message = _WRAPPED.sub("", message)
    absent = _NOT_IN_CONTEXT.search(message)
    if absent:
        source = "what it copies from" if found and "--from=" in found.rest else "the build context"
        message = f"{absent['path']} is not in {source}"
    known = refused(call, status, message)
    found = found or _base(spec, message)
    if isinstance(known, ImageUnavailable) and (found is None or found.word in ("FROM", "COPY")):
        return _with_place(known, spec, found)
    code = _CODE.search(message)
    parse = _PARSE_LINE.search(message)
    line = found.line if found else int(parse[1]) if parse else 0
    number = next((int(one) for one in code.groups() if one), None) if code else None
    what = found.text if found else told.instruction
    happened = f"`{_short(what)}` ended with {number}" if number is not None and what else message
    place = f" ({_place(spec, line)})" if line else ""
    return BuildFailed(
        happened + place,
        attempted=BUILD,
        target=spec.tags[0],
        advice=_advice(spec, number, message),
        details={
            "container": "the build",
            "dockerfile": spec.dockerfile,
            "line": line or None,
            "instruction": what,
            "exit_code": number,
            "log_tail": told.lines,
        },
    )


def _base(spec: BuildSpec, message: str) -> dockerfile.Instruction | None:
    """The FROM whose image BuildKit speaks of: it looks for all of them before it begins."""
    for one in dockerfile.instructions(spec.text):
        if one.word == "FROM" and any(name in message for name in dockerfile.images(one.text)):
            return one
    return None


def _too_old(spec: BuildSpec, message: str) -> BuildFailed:
    what = "`additional_contexts`" if "frontend.contexts" in message else message
    return BuildFailed(
        f"the BuildKit of this engine is too old for {what}",
        attempted=BUILD,
        target=spec.tags[0],
        advice="Update Docker Engine to 23.0 or newer, or leave that out.",
        details={"engine": message},
    )


def _with_place(
    error: TabibError, spec: BuildSpec, found: dockerfile.Instruction | None
) -> TabibError:
    if found is not None:
        error.happened += f" (for `{_short(found.text)}`, {_place(spec, found.line)})"
        error.details |= {"dockerfile": spec.dockerfile, "line": found.line}
    return error


def _place(spec: BuildSpec, line: int) -> str:
    inline = spec.dockerfile.startswith(".dockerfile.")
    return f"line {line} of the Dockerfile" if inline else f"{spec.dockerfile}:{line}"


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"


def _advice(spec: BuildSpec, code: int | None, message: str) -> str:
    if code == 127:
        return "The image has no such command: install it in an earlier instruction."
    if code == 137:
        return "It was killed, mostly for want of memory."
    for pattern, advice in _ADVICE:
        if pattern.search(message):
            return advice.format(builder=spec.instance)
    return "Correct the Dockerfile; what succeeded is cached, so the next build begins there."
