"""A checkup as SARIF 2.1.0 (OASIS), as code hosting sites take it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tabib import __version__
from tabib.cli.render.checkup import Row

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"critical": "error", "error": "error", "warning": "warning", "info": "note"}
_SCORES = {"critical": "9.5", "error": "7.5", "warning": "5.0", "info": "2.0"}
"""``security-severity`` of code hosting sites, 0…10."""


def sarif(answer: Row, folder: str) -> str:
    """The document. Paths below ``folder`` are relative to it."""
    codes = sorted(answer["rules"])
    worst = {one["code"]: one["severity"] for one in reversed(answer["findings"])}
    driver = {
        "name": "tabib",
        "semanticVersion": __version__,
        "rules": [_rule(code, answer["rules"][code], worst[code]) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "utf16CodeUnits",
        "originalUriBaseIds": {"ROOT": {"uri": Path(folder).as_uri().rstrip("/") + "/"}},
        "results": [_result(one, codes, folder) for one in answer["findings"]],
        "properties": {"grades": list(answer["grades"]), "notes": list(answer["notes"])},
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2,
                      ensure_ascii=False) + "\n"  # fmt: skip


def _rule(code: str, text: Row, severity: str) -> dict[str, Any]:
    return {
        "id": code,
        "shortDescription": {"text": text["explain"]},
        "help": {"text": text["advice"], "markdown": text["advice"]},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {
            "tags": [code.partition(".")[0]],
            "security-severity": _SCORES[severity],
        },
    }


def _result(one: Row, codes: list[str], folder: str) -> dict[str, Any]:
    evidence = "".join(f"\n- {each['source']}: {each['text']}" for each in one["evidence"])
    return {
        "ruleId": one["code"],
        "ruleIndex": codes.index(one["code"]),
        "level": _LEVELS[one["severity"]],
        "message": {"text": f"{one['target']}: {one['summary']}{evidence}\n{one['advice']}"},
        "locations": [_location(one, folder)],
        "partialFingerprints": {"tabib/v1": f"{one['target']}:{one['code']}"},
        "properties": {"severity": one["severity"], "containers": list(one["containers"])},
    }


def _location(one: Row, folder: str) -> dict[str, Any]:
    """The Compose file that it was made from, where one is known; a place that is no file else,
    which readers want all the same."""
    file = str(one["file"])
    if file and not os.path.relpath(file, folder).startswith(".."):
        place = {"uri": quote(os.path.relpath(file, folder)), "uriBaseId": "ROOT"}
    elif os.path.isabs(file):
        place = {"uri": Path(file).as_uri()}
    else:
        place = {"uri": f"docker/{quote(one['target'])}"}
    return {
        "physicalLocation": {"artifactLocation": place, "region": {"startLine": 1}},
        "logicalLocations": [{"fullyQualifiedName": one["target"], "kind": "resource"}],
    }
