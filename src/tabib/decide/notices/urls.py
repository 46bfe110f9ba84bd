"""Notification URLs: what of them may be shown, and what must not be."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

MASK = "****"
_LEAST = 4
"""Shorter parts of a URL are no secrets, and would make every text unreadable."""
_TOKEN = 8


def label(url: str) -> str:
    """``tgram://****``: of a URL only its scheme may be shown, for services put their tokens
    anywhere in it."""
    return f"{url.partition('://')[0].lower()}://{MASK}"


def url_secrets(url: str) -> frozenset[str]:
    """The parts of a URL that nothing may show, as they stand and decoded: all but the scheme,
    the names of parameters, and a local host."""
    _, _, rest = url.partition("://")
    try:
        parts = urlsplit(f"x://{rest}")
        host = parts.hostname or ""
    except ValueError:  # an address in brackets that is none
        return frozenset({url, rest})
    found = {url, rest, parts.username or "", parts.password or ""}
    found |= {parts.netloc} if "@" in parts.netloc else set()
    found |= {host, host.upper()} if not _plain_host(host) else set()
    found |= {parts.path, *parts.path.split("/"), parts.query, parts.fragment}
    found |= {value for _, value in parse_qsl(parts.query)}
    # A token before the first slash is the host to urlsplit, which writes it small.
    first = rest.partition("/")[0].rpartition("@")[2]
    if not _plain_host(first.partition(":")[0]):
        found |= {first, *first.split(":")}
    return frozenset(one for part in found for one in {part, unquote(part)} if len(one) >= _LEAST)


def url_tokens(url: str) -> frozenset[str]:
    """Those of :func:`url_secrets` that are secrets wherever they stand: whole URLs, passwords, and
    what looks made by a machine. A path such as ``/services`` is a word, too."""
    password = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return frozenset(
        part
        for part in url_secrets(url)
        if part in (url, password, unquote(password))
        or (len(part) >= _TOKEN and any(c.isdigit() for c in part))
    )


def _plain_host(host: str) -> bool:
    """Whether it is the address of a machine, which an error message may name."""
    return host in ("localhost", "") or "." in host or ":" in host


def destination_id(reference: str) -> str:
    """The id of a destination from the vault reference (a keyed hash) of its URL."""
    return reference.rpartition(":")[2][:12]
