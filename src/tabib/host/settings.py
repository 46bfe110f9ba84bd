"""Reads ``tabib.toml``: settings of the whole host. Without the file, defaults."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from tabib.compose.backup import backup_settings
from tabib.compose.notify import checked, notify_rules
from tabib.model.errors import ConfigError
from tabib.model.settings import (
    BackupSettings,
    HostSettings,
    MetricsSettings,
    NotifySettings,
    RecorderSettings,
)

SYSTEM_FILE = "/etc/tabib/tabib.toml"
VARIABLE = "TABIB_CONFIG"
_SECTIONS: dict[str, type[Any]] = {
    "recorder": RecorderSettings,
    "metrics": MetricsSettings,
    "notify": NotifySettings,
    "backup": BackupSettings,
}
_LEAST = {
    "interval_s": 0.2,
    "remote_write_interval_s": 1.0,
    "max_bytes": 16 * 1024 * 1024,
    "messages_per_10_minutes": 1,
}


def settings_path(environ: Mapping[str, str], uid: int) -> Path:
    """``TABIB_CONFIG``, else ``/etc/tabib/tabib.toml`` for root, else
    ``$XDG_CONFIG_HOME/tabib/tabib.toml`` (``~/.config``)."""
    if environ.get(VARIABLE):
        return Path(environ[VARIABLE])
    if uid == 0:
        return Path(SYSTEM_FILE)
    base = environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "tabib" / "tabib.toml"


def read_settings(path: Path, *, required: bool = False) -> HostSettings:
    """The settings in ``path``; defaults where it is not there and not ``required``.

    :raises ConfigError: it cannot be read, is no TOML, or says what is not known; with its line.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        if not required:
            return HostSettings()
        raise _wrong(path, 0, "there is no such file", f"Unset {VARIABLE}, or make it.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, 0, str(error), "Make it a readable text file in UTF-8.") from error
    return parse_settings(text, path)


def parse_settings(text: str, path: Path) -> HostSettings:
    """The settings that ``text`` says; ``path`` is for messages.

    :raises ConfigError: as :func:`read_settings`.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else 0
        raise _wrong(path, line, f"it is no TOML: {error}", "See https://toml.io.") from error
    sections = {}
    for name, members in data.items():
        kind = _SECTIONS.get(name)
        if kind is None:
            raise _unknown(path, text, name, list(_SECTIONS), "section")
        if not isinstance(members, dict):
            line = _line(text, name)
            raise _wrong(path, line, f"{name} is a section", f"Write [{name}] in a line.")
        sections[name] = _section(path, text, kind, members)
    return HostSettings(**sections)


def _section(path: Path, text: str, kind: type[Any], members: Mapping[str, Any]) -> Any:
    defaults = kind()
    known = [field.name for field in fields(kind)]
    for name, value in members.items():
        if name not in known:
            raise _unknown(path, text, name, known, "key")
        default = getattr(defaults, name)
        if not _fits(value, default):
            kinds = {bool: "true or false", str: "a text", list: "a list"}
            wanted = kinds.get(type(default), "a number")
            raise _wrong(path, _line(text, name), f"{name} is {value!r}, not {wanted}", "")
        if not isinstance(value, bool | str | list) and value < _LEAST.get(name, 0):
            least = _LEAST.get(name, 0)
            raise _wrong(path, _line(text, name), f"{name} is {value}, less than {least}", "")
    if kind is NotifySettings:
        _check_notify(path, text, members)
    if kind is BackupSettings:
        _check_backup(path, text, members)
    values = {name: type(getattr(defaults, name))(value) for name, value in members.items()}
    return kind(**values)


def _fits(value: object, default: object) -> bool:
    if isinstance(default, bool | str | list):
        return type(value) is type(default)
    if isinstance(default, int):
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_notify(path: Path, text: str, members: Mapping[str, Any]) -> None:
    """:raises ConfigError: a rule or a value is wrong; no URL is quoted."""

    def complain(below: Sequence[str | int], message: str, suggestion: str) -> None:
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in below)
        item = members["urls"][below[0]] if below else None
        url = item.get("url") if isinstance(item, dict) else item
        raise _wrong(path, _place(text, url), f"notify.urls{place} {message}", suggestion)

    notify_rules(members.get("urls", []), complain)
    for name in ("min_severity", "on", "quiet_hours", "timezone"):
        try:
            checked(name, members.get(name, getattr(NotifySettings(), name)))
        except ValueError as error:
            message, _, hint = str(error).partition("\n")
            raise _wrong(path, _line(text, name), f"notify.{name} {message}", hint) from error


def _check_backup(path: Path, text: str, members: Mapping[str, Any]) -> None:
    """:raises ConfigError: a repository, a schedule or the time zone is wrong; no URL is quoted."""

    def complain(below: Sequence[str | int], message: str, suggestion: str) -> None:
        key = "drill_schedule" if below[0] == "drill" else str(below[0])
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in below[1:])
        line: str | int = _line(text, key)
        item = members["repositories"][below[1]] if key == "repositories" and below[1:] else None
        url = item.get("url") if isinstance(item, dict) else item
        if isinstance(url, str):
            line = _place(text, url, key)
        raise _wrong(path, line, f"backup.{key}{place} {message}", suggestion)

    said: dict[str, Any] = {
        name: members[name] for name in ("repositories", "schedule", "timezone") if name in members
    }
    if "drill_schedule" in members:
        said["drill"] = members["drill_schedule"]
    backup_settings(said, complain, service=False)


def url_place(path: Path, url: str) -> str:
    """Where in the file a URL stands, as ``file:line:column``; the file where it is not found."""
    try:
        place = _place(path.read_text("utf-8"), url)
    except (OSError, UnicodeDecodeError):
        place = 0
    return f"{path}:{place}" if place else str(path)


def _place(text: str, value: object, key: str = "urls") -> str | int:
    """Line and column of a text that stands in the file as it is; of ``key`` otherwise."""
    for at, line in enumerate(text.splitlines(), 1):
        if isinstance(value, str) and value and value in line:
            return f"{at}:{line.index(value) + 1}"
    return _line(text, key)


def _unknown(path: Path, text: str, name: str, known: list[str], what: str) -> ConfigError:
    near = difflib.get_close_matches(name, known, n=1)
    advice = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."
    return _wrong(path, _line(text, name), f"there is no {what} {name!r}", advice)


def _line(text: str, name: str) -> int:
    pattern = re.compile(rf"^\s*\[?\s*[\"']?{re.escape(name)}\b")
    return next((at for at, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 0)


def _wrong(path: Path, line: int | str, happened: str, advice: str) -> ConfigError:
    return ConfigError(
        happened,
        attempted="read settings",
        target=f"{path}:{line}" if line else str(path),
        advice=advice,
    )
