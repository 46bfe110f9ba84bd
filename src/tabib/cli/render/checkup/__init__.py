"""A checkup on the screen, and as pipelines read it: SARIF, JUnit, JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]

SEVERITIES = ("critical", "error", "warning", "info")
"""The gravest first."""
CONTRACT = ("target", "code", "severity", "summary", "evidence", "advice")
"""Fields of the JSON contract; more follow behind them."""


def at_least(severity: str, limit: str) -> bool:
    """Whether ``severity`` is as grave as ``limit``; ``never``: nothing is."""
    return limit != "never" and SEVERITIES.index(severity) <= SEVERITIES.index(limit)


def counted(findings: Mapping[str, int]) -> str:
    """``2 errors, 1 warning``; empty where there is nothing."""
    names = {"critical": ("critical", "critical"), "error": ("error", "errors"),
             "warning": ("warning", "warnings"), "info": ("info", "infos")}  # fmt: skip
    return ", ".join(
        f"{findings[name]} {names[name][findings[name] != 1]}"
        for name in SEVERITIES
        if findings.get(name)
    )


def totals(findings: list[Row]) -> dict[str, int]:
    """Severity → how many."""
    found = dict.fromkeys(SEVERITIES, 0)
    for one in findings:
        found[str(one["severity"])] += 1
    return found


def json_rows(answer: Row) -> list[dict[str, Any]]:
    """The findings with the fields of the contract first and in order."""
    return [{key: row.get(key) for key in CONTRACT} | dict(row) for row in answer["findings"]]
