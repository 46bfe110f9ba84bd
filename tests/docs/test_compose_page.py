"""``docs/compose.md`` says what the adapters say, of every property that the schema knows."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import tabib.compose
from support.fidelity_page import PAGE, tables, with_tables
from tabib.engines.fidelity import DOCKER

SCHEMA = json.loads((Path(tabib.compose.__file__).parent / "compose-spec.json").read_text())
DEFINITIONS = SCHEMA["definitions"]
SECTIONS = {
    "services": "service",
    "services.deploy": "deployment",
    "networks": "network",
    "volumes": "volume",
    "secrets": "secret",
    "configs": "config",
}


def properties(node: Mapping[str, Any], path: str, depth: int = 6) -> Iterator[str]:
    """Every property below ``node`` by its path; names that users give are left out of it."""
    if "$ref" in node:
        node = DEFINITIONS[node["$ref"].rpartition("/")[2]]
    for branch in (*node.get("oneOf", ()), *node.get("anyOf", ())):
        yield from properties(branch, path, depth)
    if isinstance(node.get("items"), dict):
        yield from properties(node["items"], path, depth)
    for key, inner in node.get("patternProperties", {}).items():
        if key != "^x-":
            yield from properties(inner, path, depth)
    for key, inner in node.get("properties", {}).items():
        below = f"{path}.{key}".lstrip(".")
        yield below
        if depth:
            yield from properties(inner, below, depth - 1)


def listed(section: str) -> set[str]:
    """What the adapter has an answer for right below ``section``."""
    paths = (path.partition("=")[0] for path in DOCKER.supports)
    return {path for path in paths if path.rpartition(".")[0] == section}


def test_the_page_is_what_is_generated() -> None:
    page = PAGE.read_text()
    assert with_tables(page) == page, "PYTHONPATH=tests .venv/bin/python -m support.fidelity_page"


@pytest.mark.parametrize("section", SECTIONS)
def test_every_property_of_the_schema_has_its_answer(section: str) -> None:
    wanted = {f"{section}.{name}" for name in DEFINITIONS[SECTIONS[section]]["properties"]}
    assert listed(section) == wanted


def test_every_top_level_property_has_its_answer() -> None:
    assert listed("") == set(SCHEMA["properties"])


def test_the_schema_is_the_one_that_is_spoken_of() -> None:
    assert len(DEFINITIONS["service"]["properties"]) >= 92
    assert len(DEFINITIONS["deployment"]["properties"]) == 9


def test_no_answer_is_about_what_does_not_exist() -> None:
    known = set(SCHEMA["properties"])
    for section, definition in SECTIONS.items():
        known |= set(properties(DEFINITIONS[definition], section))
    assert {path.partition("=")[0] for path in DOCKER.supports} <= known


def test_each_answer_is_in_the_tables() -> None:
    text = tables()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == len(DOCKER.supports)
    assert "| `deploy.placement`" not in text
    assert (
        "| `placement` | degraded | not yet | not yet | no effect: there is one machine |" in rows
    )


def test_what_is_degraded_or_refused_says_how() -> None:
    assert [
        path for path, one in DOCKER.supports.items() if one.level != "honoured" and not one.how
    ] == []


def limits() -> Iterator[tuple[str, int]]:
    """Every limit of the loader by its name."""
    for found in pkgutil.iter_modules(tabib.compose.__path__, "tabib.compose."):
        for name, value in vars(importlib.import_module(found.name)).items():
            if re.match(r"_?MAX_(?!INT64)|_LONGEST_NUMBER$|_SHOWN$|_ENOUGH$", name):
                yield name, value


def test_every_limit_of_the_loader_is_on_the_page() -> None:
    _, _, rest = PAGE.read_text("utf-8").partition("#### Limits")
    table, _, _ = rest.partition("###")
    found = dict(limits())
    assert len(found) > 10
    for name, value in found.items():
        shown = f"{value >> 20} MB" if value % (1 << 20) == 0 else f"{value:,}"
        assert re.search(rf"\b{shown}\b", table), f"{name} = {shown}"
