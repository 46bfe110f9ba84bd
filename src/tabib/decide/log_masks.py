"""What differs between two lines of the same kind, masked: the template that both have."""

from __future__ import annotations

import re
from functools import lru_cache

from tabib.decide.log_levels import plain

_READ_CHARACTERS = 1024
TEMPLATE_CHARACTERS = 300
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})(?![\w]))?"

_TIMES = re.compile(
    rf"\b(?:[0-9]{{4}}[-/.][0-9]{{2}}[-/.][0-9]{{2}}(?:[T ]{_CLOCK}{_ZONE})?"
    rf"|[0-9]{{1,2}}[/ ]{_MONTH}[/ ][0-9]{{4}}[: ]{_CLOCK}{_ZONE}|{_CLOCK})"
)
_SYSLOG_TIME = re.compile(
    rf"^\[?(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?{_MONTH} [ 0-9]?[0-9] {_CLOCK}(?: [0-9]{{4}})?"
)
_QUOTED = re.compile(r"\"[^\"\n]{0,256}\"|(?<![\w'])'[^'\n]{0,256}'(?!\w)|`[^`'\n]{0,256}[`']")
_IN_WORD = re.compile(
    r"(?P<uuid>\b[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\b)"
    r"|(?P<email>\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4})"
    r"|(?P<ip>\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]{1,5})?\b"
    r"|\[[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]{1,39}\](?::[0-9]{1,5})?"
    r"|\b(?:[0-9A-Fa-f]{1,4}:){3,7}:?[0-9A-Fa-f]{1,4}\b)"
    r"|(?P<hex>\b0x[0-9A-Fa-f]{1,64}|\b(?=[A-Fa-f]{0,63}[0-9])[0-9A-Fa-f]{8,128}\b)"
    r"|(?P<id>\b(?=[A-Za-z_-]{0,40}[0-9])(?=[0-9_-]{0,40}[A-Za-z])[A-Za-z0-9_-]{16,128}\b)"
    r"|(?P<n>(?<![A-Za-z0-9_.])[-+]?[0-9]{1,40}(?:[.,][0-9]{1,20})*|(?<=[A-Za-z_.])[0-9]{2,40})"
)
_LEADING = re.compile(r"^(?:\[?<time>\]?[\s,|:-]{0,4}(?:UTC )?|\[?<n>\]?[\s:|]{1,3}){1,4}")
_SPACES = re.compile(r"\s{2,64}")
_VARIES = re.compile(r"[0-9@]")
_MESSAGE = re.compile(
    r"(?:\"(?:msg|message|event|@mt|@m|error|err)\"\s{0,3}:\s{0,3}|\b(?:msg|message)=)"
    r"\"((?:[^\"\\\n]|\\.){1,512})"
)


def template_of(text: str) -> str:
    """The line with ``<n>``, ``<time>``, ``<uuid>``, ``<ip>`` … for what varies; without the time
    at its beginning; of JSON and ``key="value"`` only the message. At most 300 characters."""
    text = plain(text[:_READ_CHARACTERS])
    if (found := _MESSAGE.search(text)) is not None:
        text = found[1]
    if "'" in text or '"' in text or "`" in text:
        text = _QUOTED.sub(lambda found: f"{found[0][0]}<text>{found[0][-1]}", text)
    text = _TIMES.sub("<time>", _SYSLOG_TIME.sub("<time>", text))
    masked = " ".join([_masked_word(word) for word in text.split(" ")])
    short = _SPACES.sub(" ", _LEADING.sub("", masked)).strip()
    return (short or masked.strip())[:TEMPLATE_CHARACTERS]


@lru_cache(maxsize=2048)
def _masked_word(word: str) -> str:
    return _IN_WORD.sub(_mask, word) if _VARIES.search(word) else word


def _mask(found: re.Match[str]) -> str:
    if found.lastgroup == "hex" and found[0].isdigit():
        return "<n>"
    return f"<{found.lastgroup}>"
