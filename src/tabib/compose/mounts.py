"""The short forms of volumes and devices. Sources: compose-go's ``format`` and ``transform``."""

from __future__ import annotations

import posixpath
from typing import Any

_PROPAGATIONS = ("rprivate", "private", "rshared", "shared", "rslave", "slave")


def clean(path: str) -> str:
    """``path.Clean``: like ``normpath``, but two leading slashes are one too."""
    cleaned = posixpath.normpath(path)
    return "/" + cleaned.lstrip("/") if cleaned.startswith("//") else cleaned


def _fields(text: str) -> list[str]:
    """Split at colons, but neither within ``${…}`` nor behind the letter of a Windows drive."""
    fields, buffer, depth = [], "", 0
    for index, char in enumerate(text):
        if char == "$" and text[index + 1 : index + 2] == "{":
            depth += 1
        elif char == "}" and depth:
            depth -= 1
        drive = char == ":" and len(buffer) == 1 and buffer.isalpha()
        if char == ":" and not depth and not drive:
            fields.append(buffer)
            buffer = ""
        else:
            buffer += char
    return [*fields, buffer]


def _is_path(source: str) -> bool:
    drive = len(source) > 1 and source[0].isalpha() and source[1] == ":"
    return source[:1] in (".", "/", "~") or source.startswith("\\\\") or drive


def parse_volume(text: str) -> dict[str, Any]:
    """``[SOURCE:]TARGET[:OPTIONS]`` in the long form. :raises ValueError: it is none."""
    if not text:
        raise ValueError("a volume cannot be empty")
    if len(text.encode()) <= 2:
        return {"type": "volume", "target": clean(text)}
    fields = _fields(text)
    if any(not part for part in fields):
        raise ValueError(f"'{text}' has an empty part between colons")
    if len(fields) > 3:
        raise ValueError(f"'{text}' has too many colons")
    source = fields[0] if len(fields) > 1 else ""
    target = fields[1] if len(fields) > 1 else fields[0]
    options = fields[2].split(",") if len(fields) > 2 else []
    mount: dict[str, Any] = {"type": "bind" if _is_path(source) else "volume"}
    if source:
        mount["source"] = source
    mount["target"] = clean(target)
    read_only = [option for option in options if option in ("ro", "rw")]
    if read_only and read_only[-1] == "ro":
        mount["read_only"] = True
    bind = _bind_options(options)
    if bind or mount["type"] == "bind":
        mount["bind"] = bind
    if mount["type"] == "bind":
        bind["create_host_path"] = True
    if "nocopy" in options:
        mount["volume"] = {"nocopy": True}
    elif mount["type"] == "volume":
        mount["volume"] = {}
    return mount


def _bind_options(options: list[str]) -> dict[str, Any]:
    bind: dict[str, Any] = {}
    for option in options:
        if option in ("z", "Z"):
            bind["selinux"] = option
        elif option in _PROPAGATIONS:
            bind["propagation"] = option
    return bind


def parse_device(text: str, lenient: bool = False) -> dict[str, str]:
    """``SOURCE[:TARGET[:PERMISSIONS]]``. :raises ValueError: more parts than that."""
    parts = text.split(":")
    if len(parts) > 3:
        if not lenient:
            raise ValueError(f"'{text}' has too many colons: use the long form")
        return {"source": "", "target": "", "permissions": "rwm"}
    source = parts[0]
    target = parts[1] if len(parts) > 1 and parts[1] else source
    permissions = parts[2] if len(parts) > 2 else "rwm"
    return {"source": source, "target": target, "permissions": permissions}
