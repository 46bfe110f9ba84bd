"""What a command tells the daemon of builds: sources, credentials, arguments."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from tabib.cli.session import remote_address
from tabib.cli.settings import Settings

if TYPE_CHECKING:
    from tabib.client.sources import Sources
    from tabib.model.project import Project


def sources_for(settings: Settings, project: Project, ssh: Iterable[str] = ()) -> Sources | None:
    """The sources of the project's services; None where nothing of it is built. ``ssh``: what the
    command line adds to each service's."""
    services = [*project.services.values()]
    if not any("build" in one.spec for one in services):
        return None
    from tabib.client.sources import Sources

    remote = remote_address(settings)
    far = remote is not None and not remote.path
    found = Sources(project, os.environ, far=far, ssh=tuple(ssh))
    found.look(services)
    return found


def base_images(sources: Sources | None) -> set[str]:
    """The images that the Dockerfiles build on."""
    if sources is None:
        return set()
    from tabib.decide import dockerfile

    texts = [one.source.text for one in sources.found.values()]
    return {name for text in texts for name in dockerfile.images(text) if "$" not in name}


def credentials(references: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
    """Credentials for these references' registries, for one operation alone."""
    wanted = sorted(set(references))
    if not wanted:
        return {}
    from tabib.client.credentials import credentials_for

    return credentials_for(wanted, os.environ)
