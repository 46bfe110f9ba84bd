"""The error that an application did not handle: its own type, its message, and where in its code."""

# ruff: noqa: E501
from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = r"[A-Za-z_$][\w.$:\\]{0,160}"
_PYTHON_FRAME = re.compile(
    r'^\s{1,16}(?:\| {1,8})?File "([^"\n]{1,300})", line ([0-9]{1,9})(?:, in ([^\n]{1,200}))?',
    re.M,
)
_PYTHON_END = re.compile(
    r"^(?:\s{0,8}\| {1,4})?([A-Za-z_][\w.]{0,160})(?::[ \t]{1,4}([^\n]{0,600})|)$", re.M
)
_NAMED = re.compile(
    r"^(?:[^\n]{0,120}?\s|)"
    r"(?:Exception in thread \"[^\"\n]{0,128}\" |Caused by: |Unhandled exception\. |Uncaught "
    r"|Unhandled Exception: )?"
    r"((?:[A-Za-z_$][\w$]{0,80}[.:]{1,2}){0,12}[A-Za-z_$][\w$]{0,100}"
    r"(?:Exception|Error|Throwable|Failure|Fault))(?: \[[A-Z_0-9]{1,60}\])?(?::[ \t]([^\n]{0,600})|\s|$)",
    re.M,
)
_NODE_FRAME = re.compile(
    r"^\s{2,12}at (?:async )?(?:([^\s(\n]{1,160}(?: \[as [^\]\n]{1,60}\])?) )?\(?"
    r"((?:file://)?/[^\s():]{1,300}):([0-9]{1,9}):[0-9]{1,9}\)?",
    re.M,
)
_JAVA_FRAME = re.compile(
    r"^\s{1,12}at (?:[\w.-]{1,80}(?:@[\w.+-]{1,40})?/{1,2})?([\w.$]{1,240}[\w$<>]{1,80})"
    r"\(([\w$.-]{1,120}):([0-9]{1,9})\)",
    re.M,
)
_DOTNET_FRAME = re.compile(
    r"^\s{2,8}at ([\w.<>`\[\],+]{1,240})\([^)\n]{0,300}\)(?: in ([^\n:]{1,300}):line ([0-9]{1,9}))?",
    re.M,
)
_RUBY = re.compile(
    r"^([^\s:\n]{1,256}):([0-9]{1,9}):in [`']([^'\n]{1,256})': ([^\n]{0,600}) \(([\w:]{1,128})\)$",
    re.M,
)
_GO = re.compile(r"^(?:panic|fatal error): ([^\n]{1,600})", re.M)
_GO_FRAME = re.compile(
    r"^([\w./*()-]{1,200})\([^\n]{0,300}\)\n\t(/[^\s:]{1,300}):([0-9]{1,9})", re.M
)
_RUST = re.compile(
    r"^thread '[^'\n]{0,64}'(?: \([0-9]{1,9}\))? panicked at (?:'([^\n]{0,400})', )?"
    r"([^\s:\n,]{1,300}):([0-9]{1,9})(?::[0-9]{1,9})?:?\n?([^\n]{0,400})",
    re.M,
)
_PHP = re.compile(
    r"(?:PHP )?Fatal error: {1,2}Uncaught ([\w\\]{1,160}): ([^\n]{0,600}?) in (/[^\s:]{1,300}):([0-9]{1,9})"
)
_PHP_PARSE = re.compile(
    r"(?:PHP )?(Parse error|Fatal error): {1,2}([^\n]{0,400}?) in (/[^\s:]{1,300}) on line ([0-9]{1,9})"
)
_NODE_HEAD = re.compile(r"^((?:file://)?/[^\s:\n]{1,300}):([0-9]{1,9})\n", re.M)

_OF_OTHERS = (
    *("site-packages", "dist-packages", "/lib/python", "<frozen", "node_modules", "node:"),
    *("/usr/lib/", "/usr/local/go/", "/go/pkg/mod/", "/gems/", "/vendor/", "/rustc/"),
)
_OF_JAVA = (
    *("java.", "javax.", "jdk.", "sun.", "com.sun.", "org.springframework.", "kotlin."),
    *("org.apache.", "org.hibernate.", "com.zaxxer.", "io.netty.", "reactor.", "org.eclipse."),
    *("org.postgresql.", "com.mysql.", "scala.", "akka.", "org.junit.", "io.quarkus."),
    *("System.", "Microsoft.", "Npgsql.", "org.flywaydb."),
)

OF_THE_CODE = frozenset(
    [
        "KeyError",
        "TypeError",
        "ValueError",
        "IndexError",
        "AttributeError",
        "NameError",
        "AssertionError",
        "ZeroDivisionError",
        "UnboundLocalError",
        "RecursionError",
        "NotImplementedError",
        "StopIteration",
        "UnicodeDecodeError",
        "UnicodeEncodeError",
        "JSONDecodeError",
        "OverflowError",
        "ArithmeticError",
        "ReferenceError",
        "RangeError",
        "SyntaxError",
        "IndentationError",
        "TabError",
        "EvalError",
        "NullPointerException",
        "IllegalArgumentException",
        "IllegalStateException",
        "ArrayIndexOutOfBoundsException",
        "IndexOutOfBoundsException",
        "ClassCastException",
        "NumberFormatException",
        "ArithmeticException",
        "StackOverflowError",
        "StackOverflowException",
        "UnsupportedOperationException",
        "ConcurrentModificationException",
        "NoSuchElementException",
        "NullReferenceException",
        "ArgumentException",
        "ArgumentNullException",
        "InvalidCastException",
        "ArgumentOutOfRangeException",
        "IndexOutOfRangeException",
        "DivideByZeroException",
        "FormatException",
        "KeyNotFoundException",
        "InvalidOperationException",
        "NoMethodError",
        "ArgumentError",
        "FrozenError",
        "ZeroDivision",
        "DivisionByZeroError",
        "ERR_ASSERTION",
    ]
)
"""Errors that stand for themselves: what was complained about before is another matter."""
_GENERAL = frozenset(
    [
        "SystemExit",
        "KeyboardInterrupt",
        "GeneratorExit",
        "Exit",
        "Abort",
        "RuntimeError",
        "Exception",
        "Error",
    ]
)


@dataclass(frozen=True, slots=True)
class Thrown:
    """``kind``: the error's type; ``where``: a function and file of the application's own code,
    where the trace names one."""

    kind: str
    message: str
    where: str = ""

    @property
    def of_the_code(self) -> bool:
        """Whether the code itself is at fault, and nothing around it."""
        return self.kind.rpartition(".")[2].rpartition("::")[2] in OF_THE_CODE

    @property
    def general(self) -> bool:
        """Whether its type tells nothing."""
        return self.kind.rpartition(".")[2] in _GENERAL

    @property
    def told(self) -> str:
        said = f"{self.kind}: {self.message}" if self.message else self.kind
        return f"{said} (in {self.where})" if self.where else said


def thrown(text: str) -> Thrown | None:
    """The error that ``text``, one line of output and what belongs to it, tells."""
    if "Traceback (most recent" in text:
        return _python(text)
    if found := _RUST.search(text):
        where = f"{found[2]}:{found[3]}"
        return Thrown("panic", (found[1] or found[4] or "").strip(), where)
    if text.startswith(("panic: ", "fatal error: ", "goroutine ")) or "\npanic: " in text:
        return _go(text)
    if found := _RUBY.search(text):
        return Thrown(found[5], found[4], f"{found[3]}, {found[1]}:{found[2]}")
    if "Fatal error" in text or "Parse error" in text:
        if found := _PHP.search(text):
            return Thrown(found[1], found[2].strip(), f"{found[3]}:{found[4]}")
        if found := _PHP_PARSE.search(text):
            return Thrown(found[1], found[2], f"{found[3]}:{found[4]}")
    return _named(text)


def _python(text: str) -> Thrown | None:
    begin = text.rfind("Traceback (most recent")
    part = text[begin:]
    ends = [found for found in _PYTHON_END.finditer(part) if not found[0].startswith("Traceback")]
    if not ends:
        return None
    end = ends[0]
    frames = [(f[1], f[2], f[3] or "") for f in _PYTHON_FRAME.finditer(part, 0, end.start())]
    mine = [frame for frame in frames if _mine(frame[0])] or frames
    where = ""
    if mine:
        file, line, name = mine[-1]
        where = f"{name}, {file}:{line}" if name and name != "<module>" else f"{file}:{line}"
    return Thrown(end[1], (end[2] or "").strip(), where)


def _go(text: str) -> Thrown | None:
    found = _GO.search(text)
    if found is None:
        return None
    frames = [
        f for f in _GO_FRAME.finditer(text) if _mine(f[2]) and not f[1].startswith("runtime.")
    ]
    where = f"{frames[0][1]}, {frames[0][2]}:{frames[0][3]}" if frames else ""
    kind = "panic" if found[0].startswith("panic") else "fatal error"
    return Thrown(kind, found[1].strip(), where)


def _named(text: str) -> Thrown | None:
    named = list(_NAMED.finditer(text))
    if not named:
        return None
    causes = [found for found in named if "Caused by: " in found[0]]
    last = causes[-1] if causes else named[0]
    return Thrown(last[1], (last[2] or "").strip(), _where(text, last.end()))


def _where(text: str, start: int) -> str:
    for pattern in (_NODE_FRAME, _JAVA_FRAME):
        frames = [(f[1] or "", f[2], f[3]) for f in pattern.finditer(text, start)]
        mine = [f for f in frames if _mine(f[1]) and not f[0].startswith(_OF_JAVA)]
        if mine:
            name, file, line = mine[0]
            place = f"{file.removeprefix('file://')}:{line}"
            return f"{name}, {place}" if name else place
    for found in _DOTNET_FRAME.finditer(text, start):
        if not found[1].startswith(_OF_JAVA) and "." in found[1]:
            return f"{found[1]}, {found[2]}:{found[3]}" if found[2] else found[1]
    head = _NODE_HEAD.search(text)
    return f"{head[1]}:{head[2]}" if head else ""


def _mine(file: str) -> bool:
    return not any(part in file for part in _OF_OTHERS)
