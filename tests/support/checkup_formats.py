"""A checkup's answer in every format that the command can print."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from tabib.cli.console import Console
from tabib.cli.render.checkup import json_rows
from tabib.cli.render.checkup.junit import junit
from tabib.cli.render.checkup.sarif import sarif
from tabib.cli.render.checkup.text import lines


def formats(answer: dict[str, Any]) -> dict[str, str]:
    """Format → the whole output."""
    return {
        "text": "\n".join(lines(answer, Console("never"), verbose=True)),
        "json": json.dumps(json_rows(answer), ensure_ascii=False),
        "sarif": sarif(answer, "/srv"),
        "junit": junit(answer, "info"),
    }


def strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def shown(answer: dict[str, Any]) -> dict[str, str]:
    """Format → all that a reader of it sees, escapes undone."""
    made = formats(answer)
    tree = ElementTree.fromstring(made["junit"])
    xml = [text for each in tree.iter() for text in (each.text or "", *each.attrib.values())]
    return {
        "text": made["text"],
        "json": "\n".join(strings(json.loads(made["json"]))),
        "sarif": "\n".join(strings(json.loads(made["sarif"]))),
        "junit": "\n".join(xml),
        "answer": "\n".join(strings(answer)),
    }
