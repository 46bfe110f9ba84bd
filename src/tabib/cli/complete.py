"""Shell completion of names: services from the Compose file, projects from a daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click


def complete_services(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Services of the project here that begin with ``incomplete``; none where it is unreadable."""
    from tabib.cli.loading import load_project
    from tabib.cli.options import settings_of
    from tabib.model.errors import TabibError

    try:
        project = load_project(settings_of(ctx), warn=False)
    except (TabibError, OSError):
        return []
    names = sorted({*project.services, *project.disabled})
    return [name for name in names if name.startswith(incomplete)]


def complete_projects(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Projects on the engine; none where no daemon answers (completion never starts one)."""
    from tabib.cli.options import settings_of
    from tabib.cli.session import address_of, engine_header
    from tabib.client.api import Client
    from tabib.model.errors import TabibError

    settings = settings_of(ctx)
    try:
        client = Client(address_of(settings), engine_header(settings))
        rows = client.get("/v1/projects", timeout=2.0)
    except TabibError:
        return []
    names = [str(row["project"]) for row in rows]
    return [name for name in names if name.startswith(incomplete)]


def complete_targets(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Projects, services and containers on the engine; none where no daemon answers."""
    from tabib.cli.options import settings_of
    from tabib.cli.session import address_of, engine_header
    from tabib.client.api import Client
    from tabib.model.errors import TabibError

    settings = settings_of(ctx)
    try:
        client = Client(address_of(settings), engine_header(settings))
        rows = client.get("/v1/containers", {"all": True}, timeout=2.0)
    except TabibError:
        return []
    names = {"node"}
    for row in rows:
        project, service = str(row.get("project") or ""), str(row.get("service") or "")
        names |= {project, f"{project}/{service}", str(row.get("name") or "")}
    names |= set(complete_services(ctx, _, incomplete))
    return sorted(name for name in names if name and name.startswith(incomplete))


def complete_snapshots(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Ids of snapshots; none where no daemon answers."""
    from tabib.cli.options import settings_of
    from tabib.cli.session import address_of, engine_header
    from tabib.client.api import Client
    from tabib.model.errors import TabibError

    settings = settings_of(ctx)
    try:
        client = Client(address_of(settings), engine_header(settings))
        rows = client.get("/v1/snapshots", timeout=2.0)
    except TabibError:
        return []
    return [str(row["id"]) for row in rows if str(row["id"]).startswith(incomplete)]
