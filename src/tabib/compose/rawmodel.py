"""What ``config`` shows beside the project: the model without types, and the environment.

The model is the canonical, normalised tree; with ``no_interpolate`` its variables stand as they
are written, which no typed field could hold.
"""

from __future__ import annotations

from typing import Any

from tabib.compose.discover import Discovery
from tabib.compose.gotext import dumps
from tabib.compose.load import Loader, Scope, project_name
from tabib.compose.normalise import normalise
from tabib.compose.problems import Problems, Stop
from tabib.compose.render import yaml_text
from tabib.compose.request import LoadRequest, Reader
from tabib.compose.tree import Map, Mark


def model(request: LoadRequest, files: Reader) -> Map:
    """The model of all services, whatever their profiles. :raises ConfigError: it is wrong."""
    problems = Problems()
    try:
        return _model(request, files, problems)
    except Stop:
        raise problems.error() from None
    except RecursionError:
        problems.add("the configuration is nested too deeply")
        raise problems.error() from None


def _model(request: LoadRequest, files: Reader, problems: Problems) -> Map:
    setting = Discovery(request, files, problems).run()
    loader = Loader(request, files, problems)
    name = project_name(request, setting, loader)
    setting.environment["COMPOSE_PROJECT_NAME"] = name
    # without interpolation nothing is taken from the environment, bare names neither
    known = {} if request.no_interpolate else setting.environment
    tree = loader.model(setting.files, Scope(setting.working_dir, known))
    if not tree:
        problems.add("the Compose file is empty", mark=Mark(setting.files[0], 0, 0))
    problems.check()
    if not request.no_normalize:
        normalise(tree, name, known)
    problems.finish()
    return tree


def environment(request: LoadRequest, files: Reader) -> dict[str, str]:
    """The variables that interpolation sees, sorted by name."""
    problems = Problems()
    try:
        setting = Discovery(request, files, problems).run()
        name = project_name(request, setting, Loader(request, files, problems))
    except Stop:
        raise problems.error() from None
    known = {**setting.environment, "COMPOSE_PROJECT_NAME": name}
    return {key: known[key] for key in sorted(known)}


def as_json(tree: Map) -> str:
    """``config --no-interpolate --format json``: no ``$`` is doubled."""
    return dumps(_sorted(tree, nothing=None), indent="  ")


def as_yaml(tree: Map) -> str:
    """``config --no-interpolate``: equal as YAML."""
    return yaml_text(_sorted(tree, nothing=[]))


def _sorted(value: Any, nothing: Any) -> Any:
    """Keys in order; ``nothing`` stands for an empty list, which Compose's JSON shows as null."""
    if isinstance(value, dict):
        return {key: _sorted(value[key], nothing) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item, nothing) for item in value] or nothing
    return value
