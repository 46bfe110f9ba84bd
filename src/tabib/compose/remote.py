"""Compose files that stand elsewhere: ``include``, ``extends`` and ``-f`` may name a git
repository or an OCI artifact. Source of the syntax: buildkit's ``gitutil``, which Compose uses.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_SCP = re.compile(r"[\w.-]+@[\w.-]+:.+")
OCI = "oci://"
ADVICE = "--allow-remote has it fetched with git"


class GitResource(NamedTuple):
    """``URL.git#REF:PATH``; an empty ``ref`` is the default branch, an empty ``path`` its root."""

    url: str
    ref: str
    path: str


def is_remote(text: str) -> bool:
    """Whether ``text`` names no file of this machine."""
    return text.startswith(OCI) or parse_git(text) is not None


def parse_git(text: str) -> GitResource | None:
    """The resource in a repository that ``text`` names; None where it is none."""
    url, _, fragment = text.partition("#")
    ref, _, path = fragment.partition(":")
    scheme, separator, rest = url.partition("://")
    if separator:
        known = scheme in ("git", "ssh") or (scheme in ("http", "https") and rest.endswith(".git"))
    elif url.startswith("github.com/"):
        known, url = True, f"https://{url}"
    else:
        known = not url.startswith(("/", ".")) and "@" in url and _SCP.fullmatch(url) is not None
    return GitResource(url, ref, path) if known and "\0" not in text else None
