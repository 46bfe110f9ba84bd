"""restic's exit codes and words → the error tree. Anything unknown is a failure.

Sources: restic's documentation ("Scripting": exit codes 10 from 0.17, 11 and 12 from 0.17.1) and
what 0.14 and 0.18 were seen to say; before 0.17 nearly all is code 1 and the words decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from tabib.model.errors import (
    NotFound,
    Refused,
    RepositoryDamaged,
    RepositoryFull,
    RepositoryKeyWrong,
    RepositoryLocked,
    RepositoryMissing,
    RepositoryTrouble,
    RepositoryUnreachable,
    TabibError,
)

MISSING, LOCKED, WRONG_KEY = 10, 11, 12
NO_ANSWER = -1
"""It was broken off: it had not ended within its time."""
_NOT_SAFE = r"x509:|certificate|host key verification failed|REMOTE HOST IDENTIFICATION"
_NOT_LET_IN = (
    r"Access ?Denied|Access ?Key ?Id|signature we calculated|SignatureDoesNotMatch|"
    r"no credentials found|401 Unauthorized|403 Forbidden|Permission denied"
)
_NOT_THERE = (
    r"connection refused|connection reset|no such host|network is unreachable|no route to host|"
    r"i/o timeout|deadline exceeded|TLS handshake|temporary failure in name resolution|"
    r"server misbehaving|ssh command exited|unable to start the sftp session|subprocess ssh|"
    r"50[234] |error talking HTTP to rclone|rclone.*(not found|didn't find section)"
)
_WORDS: tuple[tuple[type[TabibError], str], ...] = (
    (
        NotFound,
        r"all (target|source) directories/files do not exist|no snapshot found|"
        r"path [^\n]* not found in snapshot",
    ),
    (RepositoryLocked, r"repository is already locked"),
    (RepositoryKeyWrong, r"wrong password or no key found"),
    (
        RepositoryFull,
        r"no space left on device|disk quota exceeded|insufficient storage|StorageFull|"
        r"QuotaExceeded",
    ),
    (
        Refused,
        r"(remove|delete)[^\n]*403 Forbidden|blob not removed[^\n]*403|"
        r"server response unexpected: 403",
    ),
    (RepositoryUnreachable, f"{_NOT_SAFE}|{_NOT_LET_IN}|{_NOT_THERE}"),
    (
        RepositoryMissing,
        r"unable to open config file: [^\n]*(no such file|not exist)|"
        r"specified bucket does not exist|NoSuchBucket",
    ),
    (
        RepositoryDamaged,
        r"ciphertext verification failed|invalid data returned|hash mismatch|wrong data returned|"
        r"repository contains errors|repository is damaged|packs? from index missing|"
        r"not found in (the )?(index|repository)|unable to load index|file is truncated|"
        r"(Load|LoadRaw|ReadFull|ReadAt)\(<(data|index|snapshot|key|config)|"
        r"invalid header|verification failed|already contains (keys|snapshots)|"
        r"could not load snapshot|config [^\n]*(invalid|damaged|unmarshal)|invalid character|"
        r"cannot load index",
    ),
)
_COMPILED = tuple((kind, re.compile(words, re.IGNORECASE | re.DOTALL)) for kind, words in _WORDS)
_BY_CODE: dict[int, type[TabibError]] = {
    MISSING: RepositoryMissing,
    LOCKED: RepositoryLocked,
    WRONG_KEY: RepositoryKeyWrong,
}
_ADVICE: dict[type[TabibError], str] = {
    RepositoryLocked: "Wait for the other process; where it is dead for sure: `restic unlock`.",
    RepositoryKeyWrong: "Give the key that the repository was made with.",
    RepositoryFull: "Free space where the repository is, or add another repository.",
    Refused: "It takes new copies only: set append_only = true, and prune it from its own side.",
    RepositoryUnreachable: "Check the address, the network and the credentials.",
    RepositoryMissing: "Check the address; where its disk is not mounted, mount it.",
    RepositoryDamaged: "Run `restic check --read-data` on it; keep what is there, and do not prune."
    " Another repository of the project may be whole.",
    RepositoryTrouble: "",
}
_SILENT = {NO_ANSWER: "it does not answer"}
_SAID = 600


def words_of(stderr: str) -> str:
    """What restic said, out of its JSON where it was asked for that."""
    found: list[str] = []
    for line in stderr.splitlines():
        text = line.strip()
        if text.startswith("{"):
            try:
                said = msgspec.json.decode(text)
            except msgspec.DecodeError:
                said = None
            if isinstance(said, dict):
                text = _message(said)
        # Where it is broken off in the middle of its attempts, it says what it knows better.
        if "context canceled" in text or text.startswith("Is there a repository"):
            continue
        if text and text not in found[-3:]:
            found.append(text)
    return "\n".join(found)


def _message(said: dict[str, object]) -> str:
    if said.get("message_type") == "error":
        error = said.get("error")
        text = error.get("message") if isinstance(error, dict) else error
        return f"{said.get('item') or ''}: {text}".lstrip(": ")
    return str(said.get("message") or said.get("error") or "")


def failed(code: int, stderr: str, *, attempted: str, target: str) -> TabibError:
    """The error for a run that ended with ``code``."""
    said = words_of(stderr)
    kind = _BY_CODE.get(code) or _by_words(said)
    if 'exec: "rclone"' in said:
        return RepositoryUnreachable(
            "there is no rclone beside restic",
            attempted=attempted,
            target=target,
            advice="Install rclone on the engine's host, or name an image that has both: "
            "`[backup] image` in tabib.toml.",
        )
    if code == NO_ANSWER and kind is RepositoryTrouble:
        kind = RepositoryUnreachable
    if kind is Refused:
        said = "its server lets nothing be removed (403)"
    return kind(
        _short(said) or _SILENT.get(code, f"restic ended with code {code} and said nothing"),
        attempted=attempted,
        target=target,
        advice=_ADVICE.get(kind, ""),
        details={"exit_code": code},
    )


def _by_words(said: str) -> type[TabibError]:
    for kind, words in _COMPILED:
        if words.search(said):
            return kind
    return RepositoryTrouble


def _short(said: str) -> str:
    """The line that says most: the fatal one, else the last."""
    lines = [line.removeprefix("Fatal: ") for line in said.splitlines() if line.strip()]
    fatal = [line for line in said.splitlines() if line.startswith("Fatal: ")]
    chosen = fatal[-1].removeprefix("Fatal: ") if fatal else (lines[-1] if lines else "")
    return chosen.strip()[:_SAID]


def unreadable(stderr: str) -> tuple[list[str], list[str]]:
    """(what could not be read, of these what the disk failed to give), from a backup's errors. What
    vanished while the copy was made is none of it."""
    unread: dict[str, None] = {}
    broken: dict[str, None] = {}
    for item, text in _file_errors(stderr.splitlines()):
        if "no such file or directory" in text:
            continue
        unread[item] = None
        if re.search(r"input/output error|structure needs cleaning|stale", text, re.IGNORECASE):
            broken[item] = None
    return list(unread), list(broken)


def _file_errors(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        try:
            said = msgspec.json.decode(line)
        except msgspec.DecodeError:
            continue
        if isinstance(said, dict) and said.get("message_type") == "error":
            yield str(said.get("item") or "?"), str(said.get("error"))
