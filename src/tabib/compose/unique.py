"""After a merge: of entries for one thing the last one counts, at the place of the first."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from tabib.compose.mounts import parse_volume
from tabib.compose.problems import Problems
from tabib.compose.tree import Map, Path, Seq, mark_at, marked_items, seq_of

Key = Callable[[Any], Hashable]


def _name(entry: Any) -> Hashable:
    if not isinstance(entry, str):
        shown = "a mapping: write 'name=value'" if isinstance(entry, dict) else repr(entry)
        raise ValueError(f"must be a text, not {shown}")
    return entry.partition("=")[0]


def _expose(entry: Any) -> Hashable:
    if isinstance(entry, bool) or not isinstance(entry, str | int):
        raise ValueError(f"must be a port, not {entry!r}")
    return str(entry)


def _volume(entry: Any) -> Hashable:
    if isinstance(entry, str):
        target: Any = parse_volume(entry)["target"]
    else:
        target = entry.get("target") if isinstance(entry, Map) else ""
    if not isinstance(target, str):
        raise ValueError("a mount needs a 'target'")
    return target


def _device(entry: Any) -> Hashable:
    if isinstance(entry, str):
        parts = entry.split(":")
        return parts[1] if len(parts) > 1 else parts[0]
    target = entry.get("target") if isinstance(entry, Map) else ""
    if not isinstance(target, str):
        raise ValueError("a device needs a 'target'")
    return target


def _file(prefix: str) -> Key:
    def key(entry: Any) -> Hashable:
        if isinstance(entry, Map):
            return str(entry.get("target", f"{prefix}/{entry.get('source')}"))
        return f"{prefix}/{entry}"

    return key


def _port(entry: Any) -> Hashable:
    if not isinstance(entry, Map):
        return str(entry) if isinstance(entry, str | int) else ""
    if "target" not in entry:
        raise ValueError("a port needs a 'target'")
    published = entry.get("published")
    # Compose tells "8080" and 8080 apart here, and so keeps both
    return (
        entry.get("host_ip", "0.0.0.0"),
        type(published).__name__,
        published,
        str(entry["target"]),
        entry.get("protocol", "tcp"),
    )


def _env_file(entry: Any) -> Hashable:
    if isinstance(entry, Map):
        if "path" not in entry:
            raise ValueError("an env_file needs a 'path'")
        return str(entry["path"])
    return str(entry)


_NAMED = """annotations build.args build.additional_contexts build.tags build.labels cap_add
    cap_drop deploy.labels dns dns_opt dns_search environment labels links profiles sysctls tmpfs"""
_SERVICE: dict[tuple[str, ...], Key] = {
    **{tuple(name.split(".")): _name for name in _NAMED.split()},
    ("configs",): _file(""),
    ("secrets",): _file("/run/secrets"),
    ("expose",): _expose,
    ("ports",): _port,
    ("volumes",): _volume,
    ("devices",): _device,
    ("env_file",): _env_file,
}
_NETWORK: dict[tuple[str, ...], Key] = {("labels",): _name, ("ipam", "options"): _name}


def enforce(tree: Map, problems: Problems) -> None:
    """Drop redefinitions in every list that holds named things, in place."""
    for section, table in (("services", _SERVICE), ("networks", _NETWORK)):
        members = tree.get(section)
        if not isinstance(members, Map):
            continue
        for name, member in members.items():
            for inner, key in table.items():
                _one(tree, member, (section, name), inner, key, problems)
            networks = member.get("networks") if isinstance(member, Map) else None
            if section == "services" and isinstance(networks, Map):
                for net in networks:
                    for field in ("aliases", "link_local_ips"):
                        _one(
                            tree, member, (section, name), ("networks", net, field), _name, problems
                        )


def _one(
    tree: Map, member: Any, at: Path, inner: tuple[str, ...], key: Key, problems: Problems
) -> None:
    for part in inner[:-1]:
        member = member.get(part) if isinstance(member, Map) else None
    value = member.get(inner[-1]) if isinstance(member, Map) else None
    if not isinstance(value, Seq) or not value:
        return
    try:
        kept: dict[Hashable, Any] = {}
        for entry in marked_items(value):
            kept[key(entry[0])] = entry
    except ValueError as error:
        path = (*at, *inner, next(i for i, one in enumerate(value) if one is entry[0]))
        problems.add(str(error), mark=mark_at(tree, path), path=path)
        return
    except TypeError:
        return  # an entry of a kind that validation is going to name
    if len(kept) < len(value):
        member[inner[-1]] = seq_of(list(kept.values()))
