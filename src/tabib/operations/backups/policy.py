"""How a project is backed up: its ``x-tabib.backup``, over ``[backup]`` of ``tabib.toml``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from tabib.compose.backup import repository
from tabib.model.backup import BackupPolicy, Keep, RepositoryAddress
from tabib.model.settings import BackupSettings
from tabib.operations.backups.facts import Known, known
from tabib.operations.tools import Tools
from tabib.ports import Vault


async def policy_of(tools: Tools, project: str) -> BackupPolicy:
    """The policy of a project; credentials in it are vault references.

    :raises StateUnusable: the journal or the vault cannot be read.
    """
    return await policy_from(tools, await known(tools, project))


async def policy_from(tools: Tools, project: Known) -> BackupPolicy:
    """As :func:`policy_of`, of what is known already."""
    host = tools.backups.settings if tools.backups else BackupSettings()
    said = _said(project)
    policy = replace(_of_host(host), **_own(said))
    services = list(project.by_service.values())
    on = any(_on(one) for one in services) if services else _on(project.settings)
    asked = project.settings is True or said.get("enabled") is True or "schedule" in said
    owned = project.record is not None
    policy = replace(policy, enabled=on and owned and (host.enabled or asked))
    if project.record is not None and project.record.mode == "observe":
        # Nothing is done to what is only looked at, unless somebody wrote a schedule for it.
        policy = policy if "schedule" in said else replace(policy, enabled=False)
    return await _sealed(policy, tools.vault)


def _said(project: Known) -> dict[str, Any]:
    """What holds for the whole project: what it says itself, then what its services say, by their
    names; the first that says something counts."""
    sources: list[Any] = [project.settings]
    sources += [project.by_service[name] for name in sorted(project.by_service)]
    found: dict[str, Any] = {}
    for source in sources:
        if isinstance(source, Mapping):
            for key, value in source.items():
                found.setdefault(key, value)
    return found


def _on(settings: Any) -> bool:
    if isinstance(settings, Mapping):
        return settings.get("enabled") is not False
    return settings is not False


def _own(said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the project sets itself."""
    own: dict[str, Any] = {
        name: said[name]
        for name in ("schedule", "timezone", "together", "point_in_time", "auto_restore",
                     "before_change")
        if name in said
    }  # fmt: skip
    if "drill" in said:
        own["drill_schedule"] = str(said["drill"].get("schedule", ""))
    if "keep" in said:
        nothing = Keep(**{one.name: 0 for one in fields(Keep)})
        own["keep"] = replace(nothing, **said["keep"])
    addresses = addresses_of(said.get("repositories") or ())
    if addresses:
        own["repositories"] = addresses
    return own


def _of_host(host: BackupSettings) -> BackupPolicy:
    return BackupPolicy(
        schedule=host.schedule,
        timezone=host.timezone,
        drill_schedule=host.drill_schedule,
        repositories=addresses_of(host.repositories) or (RepositoryAddress(),),
    )


def addresses_of(written: Iterable[Any]) -> tuple[RepositoryAddress, ...]:
    """Repositories as they are written, checked before; a variable that is not set is none."""
    found = [repository(one) for one in written]
    return tuple(
        RepositoryAddress(
            url=one["url"],
            environment=one.get("environment", {}),
            name=one.get("name", ""),
            append_only=bool(one.get("append_only", False)),
            limit_upload_kib=int(one.get("limit_upload", 0)),
        )
        for one in found
        if one is not None
    )


async def _sealed(policy: BackupPolicy, vault: Vault) -> BackupPolicy:
    values = sorted({v for one in policy.repositories for v in one.environment.values()})
    if not values:
        return policy
    references = dict(zip(values, await vault.seal(values), strict=True))
    addresses = tuple(
        replace(one, environment={name: references[v] for name, v in one.environment.items()})
        for one in policy.repositories
    )
    return replace(policy, repositories=addresses)
