"""Sealing: a project or an inspection as JSON in which secret values are vault references.

Only strings are sealed. A string that starts with ``vault:`` always is, whatever it holds: so in a
sealed document each such string is a reference, and opening needs to know nothing of the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tabib.decide.redact import Redactor, looks_secret, secret_values
from tabib.model.codec import builtins, convert
from tabib.model.container import LABEL_HOOKS, LABEL_NOTIFY, LABEL_REPOSITORY
from tabib.model.project import Project
from tabib.ports import Vault

_PREFIX = "vault:"
Path = tuple[str, ...]
"""Keys from the document's root; items of a list have their list's path."""
Split = Callable[[Path, str], int | None]
"""Where in a string the part to replace starts; None: nowhere."""

_HIDDEN_KEYS = frozenset(
    {
        "environment", "command", "entrypoint", "args", "test", "content", "options",
        "driver_opts", "extension", "extensions",
    }
)  # fmt: skip
"""Below one of these every string is sealed: command lines carry passwords as often."""
_LABEL_KEYS = frozenset({"labels", "annotations", "Labels"})
_OUR_LABELS = ("com.docker.compose.", "tabib.")
_ENV = ("Config", "Env")
_INSPECTED_TEXT = (
    ("Path",), ("Args",), ("Config", "Cmd"), ("Config", "Entrypoint"), ("Config", "Labels"),
    ("Config", "Healthcheck", "Test"), ("State", "Error"), ("State", "Health", "Log", "Output"),
    ("HostConfig", "LogConfig", "Config"),
)  # fmt: skip
"""Where an inspection holds free text; elsewhere are names and ids, which must stay readable."""


async def seal_project(project: Project, vault: Vault) -> Mapping[str, Any]:
    """The project as JSON values, all environment values, contents of secrets and configs, build
    arguments, command lines, driver options and extensions sealed, and labels that look secret."""
    document = builtins(project)
    return dict(await _seal(document, vault, _project_rule(project)))


async def open_project(sealed: Mapping[str, Any], vault: Vault) -> Project:
    """The project that :func:`seal_project` sealed.

    :raises StateUnusable: a reference cannot be opened.
    """
    return convert(await _open(sealed, vault, _whole), Project)


async def seal_inspection(inspection: Mapping[str, Any], vault: Vault) -> Mapping[str, Any]:
    """An engine's inspection with the values of ``Config.Env`` sealed (names stay), and command
    lines, labels and health output where they hold a secret."""
    return dict(await _seal(inspection, vault, _inspection_rule(inspection)))


async def open_inspection(sealed: Mapping[str, Any], vault: Vault) -> Mapping[str, Any]:
    """The inspection that :func:`seal_inspection` sealed.

    :raises StateUnusable: a reference cannot be opened.
    """
    return dict(await _open(sealed, vault, _after_name))


# ── what is secret ─────────────────────────────────────────────────────────────────────────────


def _project_rule(project: Project) -> Split:
    services = [*project.services.values(), *project.disabled.values()]
    known = {
        value
        for service in services
        for values in (service.spec.get("environment"), _build(service.spec).get("args"))
        if isinstance(values, Mapping)
        for value in secret_values(values)
    }
    known |= {one.content for one in project.secrets.values() if one.content}
    knowing, plain = Redactor.knowing(known), Redactor()

    def rule(path: Path, text: str) -> int | None:
        if text.startswith(_PREFIX) or any(_hides(key) for key in _schema_keys(path)):
            return 0
        if _LABEL_KEYS & set(path[:-1]):
            return 0 if _secret_label(path[-1], text, knowing) else None
        return 0 if plain.holds_secret(text) else None

    return rule


def _inspection_rule(inspection: Mapping[str, Any]) -> Split:
    env = (inspection.get("Config") or {}).get("Env") or ()
    knowing = Redactor.knowing(secret_values([str(entry) for entry in env]))

    def rule(path: Path, text: str) -> int | None:
        if path == _ENV and "=" in text:
            return text.index("=") + 1
        if text.startswith(_PREFIX):
            return 0
        if not any(path[: len(place)] == place for place in _INSPECTED_TEXT):
            return None
        if "Labels" in path:
            return 0 if _secret_label(path[-1], text, knowing) else None
        return 0 if knowing.holds_secret(text) or "Cmd" in path or "Args" in path else None

    return rule


def _build(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    build = spec.get("build")
    return build if isinstance(build, Mapping) else {}


def _hides(key: str) -> bool:
    return key in _HIDDEN_KEYS or key.startswith("x-")


def _schema_keys(path: Path) -> Path:
    """The keys that Compose gives, without the name that the user gave the service or object."""
    return path[:1] + path[2:]


def _secret_label(name: str, text: str, knowing: Redactor) -> bool:
    if name.startswith(_OUR_LABELS):
        return name == LABEL_HOOKS or name.startswith((LABEL_NOTIFY, LABEL_REPOSITORY))
    return looks_secret(name) or knowing.holds_secret(text)


# ── the walk ───────────────────────────────────────────────────────────────────────────────────


def _whole(_: Path, text: str) -> int | None:
    return 0 if text.startswith(_PREFIX) else None


def _after_name(path: Path, text: str) -> int | None:
    """Where a sealed inspection's string holds its reference."""
    start = text.find("=") + 1 if path == _ENV else 0
    return start if text.startswith(_PREFIX, start) else None


async def _seal(document: Any, vault: Vault, split: Split) -> Any:
    parts = list(dict.fromkeys(_parts(document, (), split)))
    references = await vault.seal(parts) if parts else []
    return _replaced(document, (), split, dict(zip(parts, references, strict=True)))


async def _open(document: Any, vault: Vault, split: Split) -> Any:
    references = list(dict.fromkeys(_parts(document, (), split)))
    parts = await vault.open(references) if references else []
    return _replaced(document, (), split, dict(zip(references, parts, strict=True)))


def _parts(value: Any, path: Path, split: Split) -> Iterator[str]:
    if isinstance(value, str):
        start = split(path, value)
        if start is not None:
            yield value[start:]
    elif isinstance(value, Mapping):
        for key, member in value.items():
            yield from _parts(member, (*path, str(key)), split)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _parts(item, path, split)


def _replaced(value: Any, path: Path, split: Split, table: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        start = split(path, value)
        return value if start is None else value[:start] + table[value[start:]]
    if isinstance(value, Mapping):
        return {
            key: _replaced(member, (*path, str(key)), split, table) for key, member in value.items()
        }
    if isinstance(value, list | tuple):
        return [_replaced(item, path, split, table) for item in value]
    return value
