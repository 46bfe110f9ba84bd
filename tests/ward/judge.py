"""What the incidents of a scenario say, against what was expected of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ward.scenario import PASSIVE, Expect

Row = Mapping[str, Any]
_NOT_DONE = ("offered", "refused")
_SETTLED = ("recovered", "needs_human", "mitigated", "false_alarm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """``root``: the incident that names the cause. ``over``: what was expected has come true."""

    root: Row | None = None
    code: str = ""
    cause_right: bool = False
    treatment: str = "none"
    treatment_right: bool = False
    outcome: str = ""
    outcome_right: bool = False
    incidents: int = 0
    harm: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        return self.cause_right and self.treatment_right and self.outcome_right


def judge(expect: Expect, rows: Sequence[Row]) -> Found:
    told = tuple(_told(row) for row in rows)
    harm = _harm(expect, rows)
    if expect.healthy:
        return Found(
            root=rows[0] if rows else None,
            code=rows[0]["cause"]["code"] if rows else "",
            cause_right=not rows,
            treatment=_treatment(rows),
            treatment_right=not _acted(rows),
            outcome=rows[-1]["outcome"] if rows else "",
            outcome_right=not rows,
            incidents=len(rows),
            harm=harm,
            told=told,
        )
    root, code, named = _root(expect, rows)
    treatment = _treatment([root] if root else [])
    outcome = root["outcome"] if root else ""
    return Found(
        root=root,
        code=code,
        cause_right=named and code in expect.cause,
        treatment=treatment,
        treatment_right=root is not None and treatment in expect.treatment,
        outcome=outcome,
        outcome_right=outcome in expect.outcome,
        incidents=len(rows),
        harm=harm,
        told=told,
    )


def _root(expect: Expect, rows: Sequence[Row]) -> tuple[Row | None, str, bool]:
    """(incident, its first cause, whether the service is named that the trouble comes from).

    Across services, the trouble's own incident names the cause, and what shows it must point there:
    its first cause is that service's, or its incident hangs below that one's, or it has none.
    """
    shown = [row for row in rows if row["service"] == expect.service]
    if not expect.by:
        first = next(iter(shown), None)
        return first, first["cause"]["code"] if first else "", first is not None
    source = next((row for row in rows if row["service"] == expect.by), None)
    if source is None:
        first = next(iter(shown), None)
        if first is None:
            return None, "", False
        return first, first["cause"]["code"], first["cause"].get("service") == expect.by
    pointed = all(_leads(row, source, rows) for row in shown)
    return source, source["cause"]["code"], pointed


def _leads(row: Row, source: Row, rows: Sequence[Row]) -> bool:
    """Whether its parent, or the service that its cause names, is the source, or leads to it."""
    way: list[Any] = []
    while row["id"] not in way:
        way.append(row["id"])
        parent = next((one for one in rows if one["id"] == row.get("parent")), None)
        named = row["cause"].get("service")
        if named == source["service"] or (parent or {}).get("id") == source["id"]:
            return True
        row = parent or next((one for one in rows if one["service"] == named), row)
    return False


def _done(row: Row) -> list[Row]:
    return [one for one in row["treatments"] if one["outcome"] not in _NOT_DONE]


def _acted(rows: Sequence[Row]) -> bool:
    return any(one["action"] not in PASSIVE for row in rows for one in _done(row))


def _treatment(rows: Sequence[Row]) -> str:
    """The last thing done; else ``offer:ACTION`` where one was offered; else ``none``."""
    done = [one["action"] for row in rows for one in _done(row) if one["action"] not in PASSIVE]
    if done:
        return str(done[-1])
    offered = [
        one["action"] for row in rows for one in row["treatments"] if one["outcome"] == "offered"
    ]
    return f"offer:{offered[-1]}" if offered else "none"


def _harm(expect: Expect, rows: Sequence[Row]) -> tuple[str, ...]:
    """Actions that must not have been: any on what is healthy; those that are named; and, where
    nothing shall be done about a service, any about it."""
    done = {
        (one["before"].get("service") or row["service"], one["action"])
        for row in rows
        for one in _done(row)
    }
    acted = {(service, action) for service, action in done if action not in PASSIVE}
    if expect.healthy:
        return tuple(sorted(f"{service}:{action}" for service, action in acted))
    wanted = {action for action in expect.treatment if action not in PASSIVE}
    patient = expect.by or expect.service
    bad = {
        f"{service}:{action}"
        for service, action in acted
        if action in expect.never or f"{service}:{action}" in expect.never
    }
    if not wanted:
        bad |= {f"{service}:{action}" for service, action in acted if service == patient}
    return tuple(sorted(bad))


def _told(row: Row) -> str:
    treatments = ", ".join(f"{one['action']} {one['outcome']}" for one in row["treatments"])
    cause = row["cause"]
    whose = f" of {cause['service']}" if cause.get("service") else ""
    others = ", ".join(f"{c['code']} {c['confidence']}" for c in row["causes"][1:4])
    parent = " (has a parent)" if row.get("parent") else ""
    return (
        f"{row['service']}{parent}: {cause['code']} {cause['confidence']}{whose}: "
        f"{cause['summary'][:160]}; also {others or 'nothing'}; did {treatments or 'nothing'}; "
        f"{row['outcome']}"
    )
