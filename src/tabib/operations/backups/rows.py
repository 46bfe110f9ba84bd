"""What reading commands show of snapshots and of how data is backed up: rows by the JSON
contract. Commands of hooks and credentials of repositories are not in them."""

from __future__ import annotations

from typing import Any

from tabib.model.backup import Dataset, Part, Snapshot
from tabib.model.codec import builtins


def snapshot_row(snapshot: Snapshot) -> dict[str, Any]:
    """A row of ``snapshots``."""
    return {
        "id": snapshot.id,
        "project": snapshot.project,
        "services": list(snapshot.services),
        "volumes": list(snapshot.volumes),
        "taken_at": builtins(snapshot.taken_at),
        "trigger": snapshot.trigger,
        "consistent": snapshot.consistent,
        "size_bytes": snapshot.size_bytes,
        "verified_at": builtins(snapshot.verified_at),
        "repository": snapshot.repository,
        "cluster": snapshot.cluster,
        "ended_at": builtins(snapshot.ended_at),
        "reason": snapshot.reason,
        "consistency": snapshot.consistency,
        "consistencies": {one.dataset.name: one.consistency for one in snapshot.parts},
        "together": snapshot.together,
        "added_bytes": snapshot.added_bytes,
        "release": snapshot.release,
        "hold": snapshot.hold,
        "complete": snapshot.complete,
        "damaged": snapshot.damaged,
        "drill": builtins(snapshot.drill),
    }


def snapshot_page(snapshot: Snapshot) -> dict[str, Any]:
    """A row of ``snapshots`` with its parts and what was counted in them."""
    return {**snapshot_row(snapshot), "parts": [part_row(one) for one in snapshot.parts]}


def part_row(part: Part) -> dict[str, Any]:
    return {
        "name": part.dataset.name,
        "kind": part.dataset.kind,
        "service": part.dataset.service,
        "services": list(part.dataset.services),
        "place": builtins(part.dataset.place),
        "target": part.dataset.target,
        "form": part.form,
        "consistency": part.consistency,
        "taken_at": builtins(part.taken_at),
        "ended_at": builtins(part.ended_at),
        "version": part.version,
        "image": part.image,
        "size_bytes": part.size_bytes,
        "added_bytes": part.added_bytes,
        "record": builtins(part.record),
        "warnings": list(part.warnings),
    }


def dataset_row(dataset: Dataset) -> dict[str, Any]:
    """What is found, whether it is covered, and why."""
    return {
        "name": dataset.name,
        "kind": dataset.kind,
        "service": dataset.service,
        "services": list(dataset.services),
        "place": builtins(dataset.place),
        "target": dataset.target,
        "covered": dataset.covered,
        "method": dataset.method,
        "why": dataset.why,
        "hooks": sorted(dataset.hooks),
        "files": list(dataset.files),
    }
