"""Where Compose's YAML differs from its JSON: empty parts go, ``x-*`` keys and models come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.model.project import Project


def shape(content: dict[str, Any], project: Project) -> dict[str, Any]:
    """The document that is printed as YAML, from the one that is printed as JSON."""
    result = {"name": content["name"], "services": content["services"], **content}
    if project.models:
        result["models"] = dict(project.models)
    for section, extras in project.inline.items():
        if section in result:
            result[section] = _with(result[section], extras)
    result["services"] = {name: _service(spec) for name, spec in result["services"].items()}
    if "networks" in result:
        networks = result["networks"].items()
        result["networks"] = {key: _without(spec, "ipam") for key, spec in networks}
    return result


def _without(spec: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Without those of ``keys`` that are empty."""
    return {key: value for key, value in spec.items() if value or key not in keys}


def _service(spec: dict[str, Any]) -> dict[str, Any]:
    result = {k: v for k, v in spec.items() if v is not None or k not in ("command", "entrypoint")}
    if "deploy" in result:
        result["deploy"] = _without(result["deploy"], "resources", "placement")
    if "ulimits" in result:
        result["ulimits"] = _ulimits(result["ulimits"])
    if "ulimits" in result.get("build", {}):
        result["build"] = {**result["build"], "ulimits": _ulimits(result["build"]["ulimits"])}
    if "blkio_config" in result:
        result["blkio_config"] = _lower(result["blkio_config"])
    for key in ("post_start", "pre_stop"):
        if key in result:
            result[key] = [_hook(hook) for hook in result[key]]
    if "watch" in result.get("develop", {}):
        watch = [_trigger(trigger) for trigger in result["develop"]["watch"]]
        result["develop"] = {**result["develop"], "watch": watch}
    return result


def _ulimits(limits: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"soft": limit.get("soft", 0), "hard": limit.get("hard", 0)}
        if isinstance(limit, dict)
        else limit
        for name, limit in limits.items()
    }


def _lower(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.lower(): _lower(inner) for key, inner in value.items()}
    return [_lower(item) for item in value] if isinstance(value, list) else value


def _hook(hook: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in hook.items() if value is not None or key != "command"}


def _trigger(trigger: dict[str, Any]) -> dict[str, Any]:
    return _without({**trigger, "exec": _hook(trigger["exec"])}, "exec")


def _with(value: Any, extras: Mapping[str, Any]) -> Any:
    """``value`` with ``x-*`` keys put in where ``extras`` has them."""
    if isinstance(value, list):
        return [_with(v, extras[str(i)]) if str(i) in extras else v for i, v in enumerate(value)]
    if not isinstance(value, dict):
        return value
    result = dict(value)
    for key, inner in extras.items():
        if key.startswith("x-"):
            result[key] = inner
        elif key in result:
            result[key] = _with(result[key], inner)
    return result
