"""Which lines belong to the error before them: stack traces of Python, Java, Go, Node, .NET, Ruby
and Rust, and what is indented below an error."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tabib.decide.log_levels import has_marker
from tabib.decide.log_masks import TEMPLATE_CHARACTERS, template_of

EXAMPLE_CHARACTERS = 4096
_JOINED_LINES = 1000
_READ_CHARACTERS = 512

_PYTHON = re.compile(r"^\s{0,8}(?:\+ )?(?:Exception Group )?Traceback \(most recent call last\):")
_FILE = re.compile(r"\s{1,16}(?:\| {1,8})?File \"([^\"]{1,300})\", line [0-9]{1,9}, in (.{1,200})")
_PANIC = re.compile(r"^(?:panic: |fatal error: |goroutine [0-9]{1,20} \[)")
_RUST = re.compile(r"^thread '[^']{0,64}' panicked at ")
_RUBY = re.compile(r"^[^\s:]{1,256}:[0-9]{1,9}:in [`'][^']{1,256}': .{0,512}\([\w:]{1,128}\)$")
_FRAME = re.compile(
    r"^\s{1,64}(?:at |File \"|from |[0-9]{1,4}: |\.\.\. [0-9]{1,6} |--- End of )|^\tfrom "
)
_NAMED = re.compile(
    r"^(?:Exception in thread \"[^\"\n]{0,128}\" |Caused by: |Suppressed: |Unhandled exception\. "
    r"|Uncaught )?[A-Za-z_$][\w.$]{0,200}(?:Exception|Error|Throwable|Interrupt|Exit|Warning)"
    r"(?=[:\s(]|$)"
)
_CHAIN = re.compile(
    r"^(?:Caused by: |During handling of the above exception|The above exception was the direct"
    r"|Traceback \(most|stack backtrace:|note: (?:run with|Some details)|Suppressed: | ---> "
    r"|   ---|--- End of |Node\.js v[0-9])"
)
_GO_LINE = re.compile(
    r"^(?:goroutine [0-9]{1,20} \[|created by |exit status [0-9]|\[signal |panic: |runtime\.)"
    r"|^[^\s(]{1,256}\(.{0,512}\)$|^[^\s(]{1,200}\(\*?[\w.]{1,100}\)\.[\w.]{1,100}\(.{0,512}\)$"
)
_PYTHON_END = re.compile(r"^[A-Za-z_][\w.]{0,200}(?::|$)")


@dataclass(slots=True)
class Group:
    """One error and the lines that belong to it."""

    head: str
    level: str
    kind: str = ""
    """``python``, ``go``, ``rust``; ``named``: what prints frames below a named error; empty: a
    line that no trace has followed yet."""
    lines: list[str] = field(default_factory=list)
    count: int = 0
    ended: bool = False
    """A Python trace has come to its last line: only another that is chained to it may follow."""
    blank: bool = False
    conclusion: str = ""
    frame: str = ""
    _characters: int = 0

    @classmethod
    def begin(cls, text: str, level: str) -> Group:
        group = cls(head=text, level=level, kind=_kind(text))
        group._keep(text)
        return group

    def takes(self, text: str) -> bool:
        """Whether the line belongs to it too; then it is taken."""
        head = text[:_READ_CHARACTERS]
        if self.count >= _JOINED_LINES or not self._belongs(head):
            return False
        if not head.strip():
            self.blank = True
            return True
        self.blank = False
        kind = _kind(head)
        if kind and (not self.kind or kind == "python"):
            self.kind, self.ended = kind, False
        self._note(head)
        self._keep(text)
        return True

    @property
    def template(self) -> str:
        """What it has in common with the same error at another time: its first line, what the trace
        says in the end, and where."""
        parts = [] if _PYTHON.match(self.head) else [template_of(self.head)]
        if self.conclusion and self.conclusion != self.head:
            parts.append(template_of(self.conclusion))
        if self.frame:
            parts.append(template_of(self.frame))
        return " | ".join(dict.fromkeys(parts))[:TEMPLATE_CHARACTERS] or template_of(self.head)

    @property
    def example(self) -> str:
        return "\n".join(self.lines)[:EXAMPLE_CHARACTERS]

    def _belongs(self, head: str) -> bool:
        if not head.strip():
            return bool(self.kind) and not self.blank
        if self.ended:
            return _CHAIN.match(head) is not None
        if head[0] in " \t":
            return _FRAME.match(head) is not None or not has_marker(head)
        if self.kind == "python":
            return _PYTHON_END.match(head) is not None or _CHAIN.match(head) is not None
        if _CHAIN.match(head):
            return True
        if self.kind == "go":
            return _GO_LINE.match(head) is not None
        if self.kind == "rust" and self.count == 1:
            return not has_marker(head)
        # A logger's own line, and below it the error that it was given.
        return not self.kind and self.count == 1 and _names_error(head)

    def _note(self, head: str) -> None:
        if self.kind == "python":
            if head[0] not in " \t" and not _CHAIN.match(head):
                self.conclusion, self.ended = head, True
            elif (found := _FILE.match(head)) is not None:
                self.frame = f"{found[1]} in {found[2]}"
        elif _names_error(head):
            self.conclusion = head
        elif not self.frame and (
            _FRAME.match(head) or (self.kind == "go" and _GO_LINE.match(head))
        ):
            if not head.startswith("goroutine "):
                self.frame = head.strip()
            self.kind = self.kind or "named"

    def _keep(self, text: str) -> None:
        self.count += 1
        if self._characters < EXAMPLE_CHARACTERS:
            self.lines.append(text[: EXAMPLE_CHARACTERS - self._characters])
            self._characters += len(text) + 1


def begins_trace(text: str) -> bool:
    """Whether a line that says no level begins a trace all the same: Ruby's."""
    return ":in " in text[:_READ_CHARACTERS] and _RUBY.match(text[:_READ_CHARACTERS]) is not None


def _kind(text: str) -> str:
    if "Traceback" in text[:64] and _PYTHON.match(text):
        return "python"
    if _PANIC.match(text):
        return "go"
    return "rust" if text.startswith("thread '") and _RUST.match(text) else ""


def _names_error(head: str) -> bool:
    return _NAMED.match(head) is not None or begins_trace(head)
