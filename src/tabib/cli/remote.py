"""Compose files from git repositories, fetched once per commit into a cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tabib.compose.discover import NAMES
from tabib.compose.remote import OCI, GitResource, parse_git

_TIMEOUT_S = 120
_PROTOCOLS = "https:http:ssh:git"
"""No ``file`` and no ``ext``: a repository is not to run a program or to read this machine."""


def fetch(text: str) -> str:
    """The local path of the Compose file that ``text`` names.

    :raises OSError: it cannot be had; the message says why.
    """
    resource = parse_git(text)
    if resource is None:
        kind = "OCI artifacts" if text.startswith(OCI) else "such resources"
        raise OSError(f"{kind} cannot be fetched here: `docker compose -f {text} config` can")
    root = _checkout(resource)
    return str(_file(root, resource.path))


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "tabib" / "remote"


def _git(*arguments: str, folder: Path | None = None) -> str:
    environment = {
        **os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": _PROTOCOLS,
        "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
    }  # fmt: skip
    command = ["git", "-c", "core.hooksPath=/dev/null", *arguments]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError:
        raise OSError("git is not installed") from None
    except subprocess.TimeoutExpired:
        raise OSError(f"git did not answer in {_TIMEOUT_S} s") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise OSError(f"git: {said[0] if said else f'ended with {done.returncode}'}")
    return done.stdout.decode("utf-8", "replace")


def _checkout(resource: GitResource) -> Path:
    """The files of the commit that the reference stands at now."""
    if resource.ref.startswith("-"):
        raise OSError(f"'{resource.ref}' is no reference of a repository")
    commit = _commit(resource)
    place = _cache() / hashlib.sha256(resource.url.encode()).hexdigest()[:16] / commit
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = Path(tempfile.mkdtemp(prefix=".fetch-", dir=place.parent))
    try:
        _git("init", "--quiet", folder=scratch)
        _git("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--",
             resource.url, resource.ref or "HEAD", folder=scratch)  # fmt: skip
        _git("checkout", "--quiet", "--detach", "FETCH_HEAD", folder=scratch)
        shutil.rmtree(scratch / ".git")
        os.replace(scratch, place)
    except OSError:
        if not place.is_dir():  # else another command was faster
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return place


def _commit(resource: GitResource) -> str:
    wanted = resource.ref or "HEAD"
    if len(wanted) == 40 and all(char in "0123456789abcdef" for char in wanted):
        return wanted
    lines = _git("ls-remote", "--", resource.url, wanted).splitlines()
    if not lines:
        raise OSError(f"{resource.url} has no reference '{wanted}'")
    return lines[0].split("\t")[0]


def _file(root: Path, path: str) -> Path:
    """The Compose file at ``path``, which neither ``..`` nor a symbolic link leads out of."""
    base = root.resolve()
    found = (base / path.lstrip("/")).resolve()
    if found.is_dir():
        found = next((found / name for name in NAMES if (found / name).exists()), found / NAMES[0])
        found = found.resolve()
    if not found.is_relative_to(base):
        raise OSError(f"'{path or NAMES[0]}' leads out of the repository")
    if not found.is_file():
        raise OSError(f"the repository has no file '{found.relative_to(base)}'")
    return found
