"""What is said of data that was restored: from when it is, what is lost, where the rest is kept."""

from __future__ import annotations

from tabib.model.incident import Incident
from tabib.model.units import duration


def said(incident: Incident) -> tuple[str, ...]:
    """One line for each thing to say; none where nothing was restored."""
    known = incident.restored
    if known is None:
        return ()
    what = ", ".join(known.datasets) or "its data"
    lines = [f"{what} was restored from snapshot {known.snapshot}"]
    if known.lost:
        age = incident.rpo_seconds
        since = f" (what was written in the last {duration(age)})" if age else ""
        lines.append(f"lost{since}: {'; '.join(known.lost)}")
    else:
        lines.append("lost: nothing")
    lines += [f"nothing is lost of {line}" for line in known.whole]
    if known.kept:
        lines.append(f"the data as it was found is kept: {'; '.join(known.kept)}")
    if known.damage_snapshot:
        lines.append(f"and as snapshot {known.damage_snapshot}")
    return tuple(lines)
