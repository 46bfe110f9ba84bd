"""Places that a restore has made and that nobody uses yet, as the journal knows them.

Noted before such a place is made, and let go of once it is used or removed: what a death leaves is
found by it, told apart from what is kept, and settled by the next daemon (``settle.py``).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from tabib.operations.tools import Tools

GENERATION, FOLDER, VOLUME, COPY = "generation", "folder", "volume", "copy"
FILLING, EXCHANGING = "filling", "exchanging"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """One place. ``way``: how it takes the place of the old one.

    ``generation``: the next folder of ``volume_id``; used once the journal names it for ``volume``.
    ``folder``: the folder ``beside``, exchanged with ``path`` and kept as ``kept``.
    ``volume``: the engine's volume ``aside``; where ``path`` is given, its folder ``beside`` is
    exchanged with that.
    ``copy``: the engine's volume ``aside``, copied over the content of the old one once that is
    whole in the volume ``kept``.
    """

    id: str
    project: str
    dataset: str
    way: str
    stage: str = FILLING
    volume: str = ""
    volume_id: str = ""
    generation: int = 0
    path: str = ""
    beside: str = ""
    kept: str = ""
    aside: str = ""
    mark: str = ""
    """Of the folder with the new data: see ``stores/exchange.py``."""
    place_type: str = ""
    image: str = ""
    """Of the helpers that copy."""


async def note(tools: Tools, one: Prepared) -> Prepared:
    """Write it down, or what has become of it; returned as it is."""
    await tools.journal.put_setting(_key(tools, one.id), json.dumps(asdict(one)))
    return one


async def advance(tools: Tools, one: Prepared, **changed: Any) -> Prepared:
    return await note(tools, replace(one, **changed))


async def forget(tools: Tools, one: Prepared) -> None:
    await tools.journal.put_settings(forgotten(tools, one))


def forgotten(tools: Tools, one: Prepared) -> dict[str, str | None]:
    """What to set in the journal to forget it, along with what makes it used."""
    return {_key(tools, one.id): None}


async def prepared(tools: Tools, project: str = "") -> list[Prepared]:
    """All that are known (of one project), oldest first."""
    found = await tools.journal.settings(_key(tools, ""))
    every = [Prepared(**json.loads(text)) for text in found.values()]
    return [one for one in every if not project or one.project == project]


def _key(tools: Tools, id: str) -> str:
    return f"prepared:{tools.info.id}:{id}"
