"""The few commands that ``exec`` and health checks understand inside a scripted container.

``true``, ``false``, ``echo``, ``cat``, ``touch``, ``rm``, ``test``, and ``sh -c`` with ``&&``,
``;``, ``>``, ``>&2`` and ``exit``; anything else succeeds in silence.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from tabib.engines.memory.files import locate
from tabib.engines.memory.records import ContainerRecord, FileNode
from tabib.model.container import ExecResult

_NOT_FOUND = 127


def run(record: ContainerRecord, argv: Sequence[str], user: str) -> ExecResult:
    """What ``argv`` answers inside ``record``."""
    if record.program.exec is not None:
        scripted = record.program.exec(record, argv, user)
        if scripted is not None:
            return scripted
    if list(argv[:2]) == ["sh", "-c"]:
        return _script(record, argv[2])
    return _command(record, list(argv))


def lasts_s(argv: Sequence[str]) -> float:
    """How long a command takes: ``sleep`` alone takes time."""
    return float(argv[1]) if len(argv) == 2 and argv[0] == "sleep" else 0.0


def _script(record: ContainerRecord, text: str) -> ExecResult:
    out, err, code = b"", b"", 0
    for sequence in text.split(";"):
        for part in sequence.split("&&"):
            argv = shlex.split(part)
            if not argv:
                continue
            if argv[0] == "exit":
                return ExecResult(
                    exit_code=int((argv[1:] or [str(code)])[0]), stdout=out, stderr=err
                )
            result = _redirected(record, argv)
            out, err, code = out + result.stdout, err + result.stderr, result.exit_code
            if code:
                break
    return ExecResult(exit_code=code, stdout=out, stderr=err)


def _redirected(record: ContainerRecord, argv: list[str]) -> ExecResult:
    if ">&2" in argv:
        result = _command(record, [word for word in argv if word != ">&2"])
        return ExecResult(exit_code=result.exit_code, stdout=b"", stderr=result.stdout)
    if ">" in argv:
        at = argv.index(">")
        result = _command(record, argv[:at])
        files, path = locate(record, argv[at + 1])
        files[path] = FileNode(result.stdout)
        return ExecResult(exit_code=result.exit_code, stdout=b"", stderr=result.stderr)
    return _command(record, argv)


def _command(record: ContainerRecord, argv: list[str]) -> ExecResult:
    if not argv:
        return ExecResult(exit_code=_NOT_FOUND, stdout=b"", stderr=b"no command\n")
    return _COMMANDS.get(argv[0], _succeed)(record, argv[1:])


def _ok(out: str = "") -> ExecResult:
    return ExecResult(exit_code=0, stdout=out.encode(), stderr=b"")


def _no(err: str = "", code: int = 1) -> ExecResult:
    return ExecResult(exit_code=code, stdout=b"", stderr=err.encode())


def _succeed(_: ContainerRecord, __: list[str]) -> ExecResult:
    return _ok()


def _false(_: ContainerRecord, __: list[str]) -> ExecResult:
    return _no()


def _echo(_: ContainerRecord, words: list[str]) -> ExecResult:
    return _ok(" ".join(words) + "\n")


def _cat(record: ContainerRecord, paths: list[str]) -> ExecResult:
    out = b""
    for wanted in paths:
        files, path = locate(record, wanted)
        if path not in files:
            return _no(f"cat: can't open '{wanted}': No such file or directory\n")
        out += files[path].content
    return ExecResult(exit_code=0, stdout=out, stderr=b"")


def _touch(record: ContainerRecord, paths: list[str]) -> ExecResult:
    for wanted in paths:
        files, path = locate(record, wanted)
        files.setdefault(path, FileNode())
    return _ok()


def _rm(record: ContainerRecord, paths: list[str]) -> ExecResult:
    for wanted in paths:
        files, path = locate(record, wanted)
        files.pop(path, None)
    return _ok()


def _test(record: ContainerRecord, words: list[str]) -> ExecResult:
    files, path = locate(record, words[-1])
    return _ok() if path in files else _no()


_COMMANDS: dict[str, Callable[[ContainerRecord, list[str]], ExecResult]] = {
    "false": _false,
    "echo": _echo,
    "cat": _cat,
    "touch": _touch,
    "rm": _rm,
    "test": _test,
}
