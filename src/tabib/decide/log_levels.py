"""How bad a log line says it is, in the dialects that programs write.

An explicit level decides (``level=info msg="error rate"`` is no error); only a line without one is
judged by its words. Only the beginning of a line is read, and no expression repeats without bound:
a hostile line costs no more than an honest one.
"""

from __future__ import annotations

import re

READ_CHARACTERS = 1024
_ANSI = re.compile(r"\x1b\[[0-9;]{0,12}[A-Za-z]")

_LEVELS = {
    "": "trace trce debug dbug dbg info information informational notice note log system statement "
    "detail hint context verbose verb vrb inf config fine finer finest silly http ok success",
    "warning": "warn warning wrn alarm",
    "error": "error err eror severe fail failed failure",
    "fatal": "fatal ftl critical crit alert emerg emergency panic dpanic",
}
_LEVEL_OF = {word: level for level, words in _LEVELS.items() for word in words.split()}
_SYSLOG = ("fatal", "fatal", "fatal", "error", "warning", "", "", "")
_GLOG = {"I": "", "W": "warning", "E": "error", "F": "fatal"}

_FIELD = re.compile(
    r"(?i)(?:(?<![\w.])\"(?:log\.?level|level|severity|severity_?text|lvl|@l|loglevel)\"\s{0,3}:"
    r"\s{0,3}|(?<![\w.\"])(?:log\.?level|level|severity|lvl)=)[\"']?([a-z]{1,16}|[0-9]{1,3})"
)
_PRIORITY = re.compile(r"<([0-9]{1,3})>")
_GLOG_LINE = re.compile(r"([IWEF])[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_DOTNET = re.compile(r"(trce|dbug|info|warn|fail|crit): [\w.]")
_REDIS = re.compile(
    r"[0-9]{1,10}:[MSCX] [0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9:.]{8,15} ([.\-*#]) "
)
_ACCESS = re.compile(r"\"(?:[A-Z]{3,8}) [^\" ]{1,512} HTTP/[0-9.]{1,3}\" [0-9]{3}")
_MARKER = re.compile(
    r"(?:^|[\s\[(|<:/-])(TRACE|DEBUG|DBG|INFO|INF|NOTICE|NOTE|LOG|STATEMENT|DETAIL|HINT|CONTEXT"
    r"|WARN|WARNING|WRN|ERROR|ERR|SEVERE|CRITICAL|CRIT|ALERT|EMERG|EMERGENCY|FATAL|FTL|PANIC|VERBOSE)"
    r"(?=[\s\])|>:,/!-]|$)"
    r"|\[(?i:(trace|debug|info|notice|note|system|warn|warning|error|err|crit|critical|alert|emerg"
    r"|fatal))\]"
)
_NONE = re.compile(
    r"(?i)\b(?:no|0|zero|without|any) (?:error|exception|failure|warning)s?\b"
    r"|\b(?:error|exception|failure|warning)s?[\"']?\s{0,2}[=:]\s{0,2}"
    r"(?:0|none|nil|null|false|undefined|\"\"|'')(?![\w.])"
)
_FATAL_WORDS = re.compile(
    r"^(?:panic: |fatal error: |thread '[^']{0,64}' panicked at |FATAL ERROR: )"
    r"|(?i:\bsegmentation fault\b|\bcore dumped\b|^fatal\b|: fatal: )"
)
_ERROR_WORDS = re.compile(
    r"^Traceback \(most recent call last\)|(?:Exception|Error|Throwable)(?=[:\s)]|$)"
    r"|^(?:npm ERR!|E: )|\bUnhandled\b|\bUncaught\b"
    r"|(?i:(?:^|[\s\[(:>])(?:error|exception)(?=[:\]!]|\s-\s)|^(?:error|exception|failed)\b"
    r"|[:\]>] error (?:code )?[0-9]"
    r"|\bfailed to \w|\b(?:could not|unable to|cannot) (?:connect|open|bind|start|read|write"
    r"|resolve|find|load|allocate)\b|\b(?:connection refused|permission denied|out of memory"
    r"|no space left on device)\b)"
)
_WARNING_WORDS = re.compile(r"(?i:(?:^|[\s\[(:>]|[a-z])warn(?:ing)?s?(?=[:\]!]|\s-\s)|^warning\b)")


def plain(text: str) -> str:
    """Without the colours of a terminal."""
    return _ANSI.sub("", text) if "\x1b" in text else text


def level_of(text: str) -> str:
    """``fatal``, ``error``, ``warning``; empty for anything else."""
    head = text[:READ_CHARACTERS]
    if not _hints(head.lower(), head):
        return ""
    head = plain(head)
    explicit = _explicit(head)
    return _by_words(head) if explicit is None else explicit


def has_marker(text: str) -> bool:
    """Whether the line says its level itself: it begins something new."""
    return _explicit(plain(text[:READ_CHARACTERS])) is not None


def _hints(low: str, head: str) -> bool:
    """False for nearly all lines that are neither: costs half a microsecond."""
    return (
        "err" in low
        or "warn" in low
        or "fail" in low
        or "exception" in low
        or "fatal" in low
        or "panic" in low
        or "crit" in low
        or "eror" in low
        or "severe" in low
        or "trace" in low
        or "level" in low
        or "emerg" in low
        or "alert" in low
        or "wrn" in low
        or "ftl" in low
        or "throwable" in low
        or " fault" in low
        or "core dumped" in low
        or "refused" in low
        or "denied" in low
        or "space left" in low
        or "unable to" in low
        or "cannot " in low
        or "could not" in low
        or "out of memory" in low
        or "lvl" in low
        or "severity" in low
        or '"@l"' in low
        or "un" in head[:2].lower()
        or head[:1] in ("<", "E", "F", "W")
        or " # " in head[:64]
    )


def _explicit(head: str) -> str | None:
    """What a line says of itself; empty for a level that is fine, None where it says nothing."""
    first = head[:1]
    if first == "<" and (found := _PRIORITY.match(head)) and int(found[1]) < 192:
        return _SYSLOG[int(found[1]) & 7]
    if first in _GLOG and first and (found := _GLOG_LINE.match(head)):
        return _GLOG[found[1]]
    if found := _DOTNET.match(head):
        return _LEVEL_OF[found[1]]
    if found := _REDIS.match(head):
        return "warning" if found[1] == "#" else ""
    for found in _FIELD.finditer(head):
        level = _numbered(int(found[1])) if found[1].isdigit() else _LEVEL_OF.get(found[1].lower())
        if level is not None:
            return level
    if found := _MARKER.search(head):
        return _LEVEL_OF[(found[1] or found[2]).lower()]
    return "" if _ACCESS.search(head) else None


def _numbered(level: int) -> str | None:
    """Pino and Bunyan count 10 to 60, syslog 0 to 7."""
    if level >= 10:
        return "fatal" if level >= 60 else "error" if level >= 50 else _pino(level)
    return _SYSLOG[level] if level < len(_SYSLOG) else None


def _pino(level: int) -> str:
    return "warning" if level >= 40 else ""


def _by_words(head: str) -> str:
    text = _NONE.sub(" ", head)
    if _FATAL_WORDS.search(text):
        return "fatal"
    if _ERROR_WORDS.search(text):
        return "error"
    return "warning" if _WARNING_WORDS.search(text) else ""
