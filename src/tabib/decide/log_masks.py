"""What differs between two lines of the same kind, masked: the template that both have."""

from __future__ import annotations

import re

from tabib.decide.log_levels import plain

_READ_CHARACTERS = 512
TEMPLATE_CHARACTERS = 300
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})(?![\w]))?"

_VARYING = re.compile(
    rf"(?P<time>\b[0-9]{{4}}[-/.][0-9]{{2}}[-/.][0-9]{{2}}(?:[T ]{_CLOCK}{_ZONE})?"
    rf"|\b[0-9]{{1,2}}[/ ]{_MONTH}[/ ][0-9]{{4}}[: ]{_CLOCK}{_ZONE}"
    rf"|\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?{_MONTH} [ 0-9]?[0-9] {_CLOCK}(?: [0-9]{{4}})?"
    rf"|\b{_CLOCK})"
    r"|(?P<uuid>\b[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\b)"
    r"|(?P<text>\"[^\"\n]{0,256}\"|(?<![\w'])'[^'\n]{0,256}'(?!\w)|`[^`'\n]{0,256}[`'])"
    r"|(?P<email>\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4})"
    r"|(?P<ip>\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]{1,5})?\b"
    r"|\[[0-9A-Fa-f:]{2,39}\](?::[0-9]{1,5})?|\b(?:[0-9A-Fa-f]{1,4}:){3,7}:?[0-9A-Fa-f]{1,4}\b)"
    r"|(?P<hex>\b0x[0-9A-Fa-f]{1,64}|\b(?=[A-Fa-f]{0,63}[0-9])[0-9A-Fa-f]{8,128}\b(?<![0-9]{128}))"
    r"|(?P<id>\b(?=[A-Za-z_-]{0,40}[0-9])(?=[0-9_-]{0,40}[A-Za-z])[A-Za-z0-9_-]{16,128}\b)"
    r"|(?P<n>(?<![A-Za-z0-9_.])[-+]?[0-9]{1,40}(?:[.,][0-9]{1,20})*"
    r"|(?<=[A-Za-z_.])[0-9]{2,40})"
)
_LEADING = re.compile(r"^(?:\[?<time>\]?[\s,|:-]{0,4}|\[?<n>\]?[\s:|]{1,3}){1,4}")
_SPACES = re.compile(r"\s{2,64}")


def template_of(text: str) -> str:
    """The line with ``<n>``, ``<time>``, ``<uuid>``, ``<ip>`` … for what varies; without the time
    at its beginning; at most 300 characters."""
    masked = _VARYING.sub(_mask, plain(text[:_READ_CHARACTERS]))
    short = _SPACES.sub(" ", _LEADING.sub("", masked)).strip()
    return (short or masked.strip())[:TEMPLATE_CHARACTERS]


def _mask(found: re.Match[str]) -> str:
    kind = found.lastgroup
    if kind == "text":
        return f"{found[0][0]}<text>{found[0][-1]}"
    if kind == "hex" and found[0].isdigit():
        return "<n>"
    return f"<{kind}>"
