"""What nothing may show: secret values of a container, taken out where evidence enters."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from typing import Any

from tabib.decide.redact import Redactor, argument_secrets, secret_values
from tabib.model.container import LABEL_PROJECT
from tabib.model.project import Project

_SECRET_BYTES = 64 * 1024
_FILES = 64
"""Of one folder, at most."""
_FOLDER = "/run/secrets"


class Secrets:
    """The contents of projects' secrets on one engine, in memory only. ``here``: it runs on this
    machine, and files that containers mount as secrets can be read, whoever started them."""

    def __init__(self, *, here: bool = False) -> None:
        self._here = here
        self._of: dict[str, frozenset[str]] = {}

    def know(self, project: Project) -> None:
        """Learn what the project's secrets hold; files are read where they are in reach."""
        self._of[project.name] = _contents(project)

    def redactor(self, inspection: Mapping[str, Any]) -> Redactor:
        """What takes the secrets of an inspected container out of text."""
        config = inspection.get("Config") or {}
        project = str((config.get("Labels") or {}).get(LABEL_PROJECT, ""))
        known = secret_values([str(entry) for entry in config.get("Env") or ()])
        known |= self._of.get(project, frozenset())
        program, arguments = inspection.get("Path"), inspection.get("Args") or ()
        known |= argument_secrets([str(one) for one in (program, *arguments)])
        if self._here:
            known |= _texts(_mounted(inspection.get("Mounts") or ()))
        return Redactor.knowing(known)


def _contents(project: Project) -> frozenset[str]:
    secrets = project.secrets.values()
    said = {one.content.strip() for one in secrets if one.content}
    files = [one.file for one in secrets if one.file and not one.content]
    return _texts(files) | frozenset(text for text in said if text) | _credentials(project)


def _credentials(project: Project) -> frozenset[str]:
    """Of the repositories that its data is copied to."""
    sources = [project.extensions.get("x-tabib") or {}]
    sources += [service.extension for service in project.services.values()]
    found: set[str] = set()
    for source in sources:
        settings = source.get("backup")
        if isinstance(settings, Mapping):
            for one in settings.get("repositories") or ():
                found |= {str(value) for value in (one.get("environment") or {}).values()}
    return frozenset(value for value in found if value)


def _mounted(mounts: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Files of the host that stand below ``/run/secrets`` in the container, as Compose puts them;
    those of a folder too."""
    for mount in mounts:
        target = os.path.normpath(str(mount.get("Destination", "")))
        if mount.get("Type") != "bind" or not f"{target}/".startswith(f"{_FOLDER}/"):
            continue
        source = str(mount.get("Source", ""))
        try:
            names = sorted(os.listdir(source))
        except OSError:
            yield source
        else:
            yield from (os.path.join(source, name) for name in names[:_FILES])


def _texts(files: Iterable[str]) -> frozenset[str]:
    return frozenset(text for file in files if (text := _text(file)))


def _text(file: str) -> str:
    try:
        # Not to wait for the writer of a pipe.
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        return os.read(descriptor, _SECRET_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        return ""
    finally:
        os.close(descriptor)
