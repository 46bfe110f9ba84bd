"""What secrets look like when nobody told us their values.

Every repetition is bounded and no two of them can match the same text, so that a hostile log line
costs time in proportion to its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_PLAIN = (
    r"pass(?:word|wd|phrase|code)|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|credentials?|requirepass|masterauth|account[_-]?key"
)
"""Words that mean a secret even at the end of a longer one: ``PGPASSWORD``, ``accessToken``."""
_WHOLE = r"pass|pwd|jwt|salt|dsn|connection[_-]?string|(?:signing|encryption|master|secret)[_-]?key"
"""Words that mean one only by themselves: ``DB_PASS``, not ``COMPASS``."""

SECRET_NAME = re.compile(
    rf"(?i)^(?!.*_file$)(?:.*[^a-z])?(?:{_PLAIN}|{_WHOLE})s?(?:$|[^a-z])"
    rf"|(?i:^(?!.*_file$).*(?:{_PLAIN})s?$)"
    r"|^tabib\.notify(?:$|\.url$)|^tabib\.backup\.repositor(?:y|ies)(?:$|\.url$|\.environment\.)"
)
"""``POSTGRES_PASSWORD_FILE`` names a file, ``TOKENIZER`` and ``COMPASS`` name none. The label
``tabib.notify`` holds URLs that are secrets as a whole, and so do those of repositories."""

SECRET_END = re.compile(rf"(?i)(?:{_PLAIN}|(?<![a-z])(?:{_WHOLE}))s?$")
"""Ends of names whose value is the secret itself: ``--token``, but not ``--token-ttl``."""

URL_PASSWORD = re.compile(r"""://[^\s:/@"'<>]{0,256}:([^\s/"'<>]{1,512})@""")

_KEY = rf"(?:{_PLAIN}|(?<![a-z])(?:pass|pwd)(?![a-z]))"
_VALUE = r"""(?:\\"[^"\\\n]{0,4096}|"[^"\n]{0,4096}"?|'[^'\n]{0,4096}'?|[^\s,;&'"]{1,4096})"""

Replace = Callable[[re.Match[str]], str]


def _private_key(mask: str) -> Replace:
    # Line for line, so that a list of lines keeps its length.
    return lambda match: "\n".join([mask] * (match[0].count("\n") + 1))


def _after_group(mask: str) -> Replace:
    return lambda match: match[1] + mask


def _whole(mask: str) -> Replace:
    return lambda _: mask


def _password_of_url(mask: str) -> Replace:
    return lambda match: f"{match[1]}{mask}@"


_PATTERNS: tuple[tuple[re.Pattern[str], Callable[[str], Replace]], ...] = (
    (
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?"
            r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
            re.DOTALL,
        ),
        _private_key,
    ),
    (
        re.compile(
            r"(?i)(\b(?:proxy-)?authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?"
            r"(?:(?:bearer|basic|token|digest|negotiate|apikey)\s{1,3})?)[^\s\"',]{1,4096}"
        ),
        _after_group,
    ),
    (re.compile(r"(?i)(\bbearer\s{1,3})[A-Za-z0-9._~+/=-]{8,4096}"), _after_group),
    (
        re.compile(r"""([A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s:/@"'<>]{0,256}:)[^\s/"'<>]{1,512}@"""),
        _password_of_url,
    ),
    (
        re.compile(
            rf"(?i)(?<!unexpected )({_KEY}[\w.-]{{0,40}}(?<!_file)\\?[\"']?\s{{0,3}}[:=]\s{{0,3}})"
            rf"{_VALUE}"
        ),
        _after_group,
    ),
    (
        re.compile(
            rf"(?i)(\s--?[\w-]{{0,40}}?{_KEY}[\w-]{{0,40}}(?<!-file)\s{{1,3}})(?!-){_VALUE}"
        ),
        _after_group,
    ),
    (
        re.compile(
            r"\b(?:(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"
            r"|gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}"
            r"|glpat-[A-Za-z0-9_-]{20,255}|xox[abeoprs]-[A-Za-z0-9-]{10,255}"
            r"|[rs]k_(?:live|test)_[A-Za-z0-9]{16,255}|AIza[A-Za-z0-9_-]{35}"
            r"|sk-[A-Za-z0-9_-]{20,255}|npm_[A-Za-z0-9]{36}|dckr_pat_[A-Za-z0-9_-]{20,255}"
            r"|AGE-SECRET-KEY-1[A-Z0-9]{58}|[0-9]{8,10}:[A-Za-z0-9_-]{35}"
            r"|eyJ[A-Za-z0-9_-]{8,2048}\.eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,2048})"
        ),
        _whole,
    ),
)


def mask_patterns(text: str, mask: str) -> str:
    """``text`` with ``mask`` in place of whatever looks like a secret; lines stay lines."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement(mask), text)
    return text


def may_match(text: str) -> bool:
    """False where :func:`mask_patterns` would change nothing: costs a microsecond a line.

    Every pattern needs one of these texts, whatever the case.
    """
    low = text.casefold()
    return (
        "pass" in low
        or "key" in low
        or "secret" in low
        or "token" in low
        or "credential" in low
        or "pwd" in low
        or "masterauth" in low
        or "authorization" in low
        or "bearer" in low
        or "://" in low
        or "eyj" in low
        or "gh" in low
        or "glpat-" in low
        or "github_pat" in low
        or "xox" in low
        or "_live_" in low
        or "_test_" in low
        or "aiza" in low
        or "sk-" in low
        or "npm_" in low
        or "dckr_" in low
        or "akia" in low
        or "asia" in low
        or "abia" in low
        or "acca" in low
        or (":" in low and _numbered_token(text))
    )


_BOT_TOKEN = 44
"""``12345678:`` and 35 more."""


def _numbered_token(text: str) -> bool:
    if len(text) < _BOT_TOKEN:
        return False
    colon = text.find(":", 8)
    while colon >= 0:
        if text[colon - 1].isdigit() and text[colon - 8 : colon].isdigit():
            return True
        colon = text.find(":", colon + 1)
    return False
