"""What became of one damage, by evidence alone: rows that were acknowledged, the engine's events,
and what the incident states, held against each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

RTO_WITHIN_S = 2.0
_DONE = ("verified", "done", "started", "not_verified", "failed")


@dataclass(slots=True)
class Result:
    """One scenario. Seconds; None where there is nothing to say."""

    name: str
    database: str
    damage: str
    end: str
    outcome: str = ""
    cause: str = ""
    treated: str = ""
    rpo_stated: float | None = None
    lost: float | None = None
    """Between the first and the last acknowledged row that is gone."""
    rows: int = 0
    gone: int = 0
    rto_stated: float | None = None
    rto_measured: float | None = None
    """From when the trouble was, as the incident has it, to the engine's ``healthy``."""
    noticed: float | None = None
    """From the damage to the incident's beginning."""
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def right(self) -> bool:
        return not self.wrong


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def restores(incidents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Restores that were begun, whatever came of them."""
    return [
        one
        for incident in incidents
        for one in incident["treatments"]
        if one["action"] == "restore" and one["outcome"] in _DONE
    ]


def about_it(incidents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that a person is told of; without the crash that was part of the damage, where it was
    over before anybody read the data."""
    told_of = [one for one in incidents if not one.get("parent")]
    data = [one for one in told_of if not (one["cause"]["code"] == "exit.killed" and _over(one))]
    return data or told_of


def _over(incident: dict[str, Any]) -> bool:
    return incident["outcome"] == "recovered" and not restores([incident])


def told(incident: dict[str, Any]) -> str:
    done = ", ".join(f"{one['action']} {one['outcome']}" for one in incident["treatments"])
    last = incident["treatments"][-1]["reason"] if incident["treatments"] else ""
    return (
        f"{incident['service']}: {incident['cause']['code']} ({incident['cause']['summary'][:150]})"
        f" → {incident['outcome']}; {done or 'no treatment'}; {last[:250]}"
    )


def rows(result: Result, acked: dict[int, float], there: dict[int, str], safe: float) -> None:
    """All rows acknowledged before ``safe`` are there, exactly."""
    gone = {row: when for row, when in acked.items() if row not in there}
    result.rows, result.gone = len(acked), len(gone)
    result.lost = max(gone.values()) - min(gone.values()) if gone else 0.0
    older = [row for row, when in gone.items() if when < safe]
    if older:
        result.wrong.append(
            f"{len(older)} acknowledged rows older than the restore point are gone, "
            f"the newest by {safe - max(gone[row] for row in older):.1f} s"
        )
    spoiled = [row for row, words in there.items() if words != f"w{row}"]
    if spoiled:
        result.wrong.append(f"{len(spoiled)} rows hold something else, as {spoiled[:3]}")


def restored(
    result: Result,
    incident: dict[str, Any],
    snapshots: list[dict[str, Any]],
    healthy: list[float],
    *,
    nothing_to_keep: bool,
) -> float:
    """What the incident states, held against what was seen; the restore point: the later one of
    what the stated RPO says and of when the snapshot says that it was taken."""
    done = restores([incident])
    if [one["outcome"] for one in done] != ["verified"]:
        result.wrong.append(f"restores: {[one['outcome'] for one in done]}")
    known = incident.get("restored") or {}
    result.rpo_stated, result.rto_stated = incident["rpo_seconds"], incident["rto_seconds"]
    if result.rpo_stated is None or result.rto_stated is None or not done:
        result.wrong.append("RPO or RTO is not stated")
        return 0.0
    began, opened = at(done[-1]["started_at"]), at(incident["opened_at"])
    if not nothing_to_keep:
        kept = [one for one in known.get("kept") or () if Path(one.split(": ")[-1]).exists()]
        listed = known.get("damage_snapshot") in [one["id"] for one in snapshots]
        if not kept and not listed:
            result.wrong.append(f"the damaged data is not kept: {known.get('kept')}")
    after = [one for one in healthy if one >= began]
    if not after:
        result.wrong.append("the engine saw it become healthy at no time after the restore")
    else:
        since = at(incident["reopened_at"]) if incident.get("reopened_at") else opened
        result.rto_measured = after[0] - since
        apart = abs(result.rto_measured - result.rto_stated)
        if apart > RTO_WITHIN_S:
            result.wrong.append(f"RTO is {apart:.1f} s off")
    taken = [at(one["taken_at"]) for one in snapshots if one["id"] == known.get("snapshot")]
    if not taken:
        result.wrong.append(f"the snapshot that was restored is not listed: {known}")
    return max([began - result.rpo_stated, *taken])


def stated_loss(result: Result) -> None:
    lost, stated = result.lost, result.rpo_stated
    if stated is not None and lost is not None and lost > stated:
        result.wrong.append(f"{lost:.1f} s are lost, {stated:.1f} are stated")
