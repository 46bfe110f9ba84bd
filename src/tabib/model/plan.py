"""Plans: a graph of small steps, each one engine call with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from tabib.model.build import BuildSpec
from tabib.model.container import ContainerSpec, NetworkSpec, VolumeSpec


class Verb(StrEnum):
    """What a step does. ``wait`` changes nothing: it is a barrier on a container's condition."""

    PULL_IMAGE = "pull_image"
    BUILD_IMAGE = "build_image"
    PUSH_IMAGE = "push_image"
    TAG_IMAGE = "tag_image"
    UNTAG_IMAGE = "untag_image"
    PRUNE_IMAGES = "prune_images"
    """Dangling ones alone: no tag names them, and no container uses them."""
    PRUNE_BUILD_CACHE = "prune_build_cache"
    CREATE_NETWORK = "create_network"
    REMOVE_NETWORK = "remove_network"
    CREATE_VOLUME = "create_volume"
    REMOVE_VOLUME = "remove_volume"
    CREATE_CONTAINER = "create_container"
    START_CONTAINER = "start_container"
    STOP_CONTAINER = "stop_container"
    RESTART_CONTAINER = "restart_container"
    KILL_CONTAINER = "kill_container"
    PAUSE_CONTAINER = "pause_container"
    UNPAUSE_CONTAINER = "unpause_container"
    REMOVE_CONTAINER = "remove_container"
    RENAME_CONTAINER = "rename_container"
    CONNECT_NETWORK = "connect_network"
    DISCONNECT_NETWORK = "disconnect_network"
    WAIT = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One engine call.

    ``target`` names what it acts on (container id or name, network id or name, volume name, image
    reference); ``subject`` is what a person calls it. ``after`` lists ids of steps that must have
    succeeded before. Options by verb:

    - ``pull_image``: ``{"platform"?}``; ``push_image``: the target is the reference;
      ``build_image``: all is in ``build``; ``tag_image``: ``{"repository", "tag"}``;
      ``untag_image``: the target is the tag to remove (its layers go only with their last tag)
    - ``stop_container``, ``restart_container``: ``{"timeout_s"?, "signal"?}``
    - ``start_container``, ``stop_container``, ``restart_container`` also: ``{"post_start"?,
      "pre_stop"?}``: lists of canonical Compose hooks to run inside, one after the other. A
      ``post_start`` that fails fails the step; a ``pre_stop`` that fails is a warning of it
    - ``kill_container``: ``{"signal"}``
    - ``remove_container``: ``{"force": bool, "volumes": bool}`` (``volumes``: anonymous ones)
    - ``rename_container``: ``{"name"}``
    - ``connect_network``: ``{"container", "aliases"}``; ``disconnect_network``: ``{"container"}``
    - ``wait``: ``{"condition": "started"|"healthy"|"completed"|"ready", "timeout_s"?}``; ``ready``
      means healthy where a health check exists and running otherwise.
    """

    id: str
    verb: Verb
    subject: str
    reason: str
    target: str = ""
    after: tuple[str, ...] = ()
    service: str = ""
    container: ContainerSpec | None = None
    network: NetworkSpec | None = None
    volume: VolumeSpec | None = None
    build: BuildSpec | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    optional: bool = False
    """Its failure is reported, and does not fail what comes after."""
    loses_data: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in a valid order (each step's ``after`` come earlier), and what was left alone."""

    project: str
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences for the user: what was noticed and is not changed."""

    @property
    def empty(self) -> bool:
        """Nothing changes anything (barriers do not count)."""
        return all(step.verb is Verb.WAIT for step in self.steps)

    @property
    def loses_data(self) -> bool:
        return any(step.loses_data for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What the engine answered: the id of what was created, if anything."""

    id: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgress:
    """How far one step is. ``total_bytes`` is None while unknown."""

    step_id: str
    text: str
    current_bytes: int | None = None
    total_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    step_id: str
    state: str
    """``done``, ``failed``, ``skipped`` (something before it failed) or ``stopped`` (asked to)."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: Mapping[str, Any] | None = None
    """``TabibError.to_wire()``."""
