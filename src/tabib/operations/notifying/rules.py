"""Whom a project's file tells of incidents: judged before anything is done, kept sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tabib.compose.notify import notify_rules
from tabib.decide.notices.urls import label
from tabib.model.codec import convert
from tabib.model.errors import ConfigError
from tabib.model.notice import NotifyRule, RulesByService
from tabib.model.project import Project
from tabib.ports import Notifier, Vault


def written_rules(project: Project) -> RulesByService:
    """The rules of the file, URLs in clear; services that say the same as the project left out."""
    common = rules_of((project.extensions.get("x-tabib") or {}).get("notify"))
    found = {"": common} if common else {}
    for name, service in project.services.items():
        own = rules_of(service.extension.get("notify")) if "notify" in service.extension else common
        if own != common:
            found[name] = own
    return found


def rules_of(value: Any) -> tuple[NotifyRule, ...]:
    """The rules of a ``notify`` that was checked before; what is wrong is left out."""
    rules = [] if value is None else notify_rules(value, lambda *_: None)
    found = [convert({**rule, "label": label(str(rule["url"]))}, NotifyRule) for rule in rules]
    return tuple(found)


async def sealed(rules: RulesByService, vault: Vault) -> RulesByService:
    """The same rules, URLs as vault references."""
    urls = sorted({rule.url for some in rules.values() for rule in some})
    references = dict(zip(urls, await vault.seal(urls), strict=True)) if urls else {}
    return {
        name: tuple(replace(rule, url=references[rule.url]) for rule in some)
        for name, some in rules.items()
    }


async def require_services(project: Project, notifier: Notifier | None) -> None:
    """:raises ConfigError: nothing can be sent to a URL of the file; it is named by its place."""
    if notifier is None:
        return
    known: dict[str, str] = {}
    for name, some in written_rules(project).items():
        for index, rule in enumerate(some):
            if rule.url not in known:
                known[rule.url] = await notifier.check(rule.url)
            if known[rule.url]:
                raise _no_service(project, name, index, rule, known[rule.url])


def _no_service(
    project: Project, service: str, index: int, rule: NotifyRule, why: str
) -> ConfigError:
    path = f"services.{service}.x-tabib.notify" if service else "x-tabib.notify"
    place = _place(project.places, path, index)
    file, line, column = _parts(place)
    message = f"nothing can be sent to {rule.label}: {why}"
    problem = {
        "file": file, "line": line, "column": column, "path": f"{path}[{index}]",
        "message": message, "suggestion": "see docs/notifications.md", "source": "",
    }  # fmt: skip
    head = f"{place}: " if place else ""
    return ConfigError(
        f"{head}{path}[{index}]: {message}",
        advice="`tabib notify test --url URL` tries a URL out; docs/notifications.md has examples.",
        details={"problems": [problem]},
    )


def _place(places: Mapping[str, str], path: str, index: int) -> str:
    return places.get(f"{path}[{index}]", "")


def _parts(place: str) -> tuple[str, int, int]:
    file, _, rest = place.rpartition(":")
    file, _, line = file.rpartition(":")
    return (file, int(line), int(rest)) if file else ("", 0, 0)
