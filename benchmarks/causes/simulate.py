"""Troubles of services that call each other, simulated by load, capacity, waiting and failing.

Requests enter at the front and spread along the calls; time and failures come back along them, by
so much as a caller depends on the callee. The faults change a service's means (work for a request,
capacity, memory, connections), never a figure of another one directly: what callers and callees
show follows. Beside it: noise with heavy tails, a wave of the day, missing values, and changes that
have nothing to do with it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.causes.case import Labelled
from tabib.decide.causes import COUNTER, Change, Line, Question

FAULTS = (
    "cpu",
    "leak",
    "disk",
    "delay",
    "loss",
    "connections",
    "release",
    "killed",
    "neighbour",
)


@dataclass(frozen=True, slots=True)
class World:
    """What differs between what is tuned on and what is held out. ``names``: ``ours``, ``mesh`` or
    ``cloud``: which figures there are, and what they are called."""

    shapes: tuple[str, ...]
    names: tuple[str, ...]
    noise: tuple[float, float]
    missing: float
    sizes: tuple[int, int]
    unrelated: float


TUNED = World(("tree", "layers"), ("ours", "mesh"), (0.03, 0.12), 0.02, (3, 18), 0.4)
HELD_OUT = World(
    shapes=("star", "random", "cyclic", "layers"),
    names=("ours", "mesh", "cloud"),
    noise=(0.05, 0.25),
    missing=0.08,
    sizes=(5, 30),
    unrelated=0.9,
)


@dataclass(slots=True)
class Node:
    name: str
    own_s: float
    cost: float
    capacity: float
    memory: float
    calls: dict[str, float] = field(default_factory=dict)
    """Callee → calls for each request."""
    host: int = 0
    stateful: bool = False
    limit: float = 1e9
    """Connections that it takes."""


@dataclass(slots=True)
class Harm:
    """What the fault adds at one moment, at the faulty service."""

    work: float = 0.0
    slow: float = 0.0
    factor: float = 1.0
    fails: float = 0.0
    memory: float = 0.0
    held: float = 0.0
    written: float = 0.0
    drops: float = 0.0
    idle: float = 1.0
    down: bool = False


def case(world: World, seed: int) -> Labelled:
    """The same seed gives the same case."""
    rng = random.Random(seed)
    nodes = _graph(rng, world)
    fault = FAULTS[seed % len(FAULTS)]
    place = _place(rng, nodes, fault)
    fault = fault if place is not None else "cpu"
    place = place or rng.choice(list(nodes))
    names = rng.choice(world.names)
    if fault == "neighbour" and names != "ours":
        fault = "cpu"
    step = {"ours": 5.0, "mesh": 1.0, "cloud": 60.0}[names] * rng.choice((1.0, 1.0, 2.0))
    watched = names != "ours" or rng.random() < 0.3
    before, after = (120, 60) if watched else (rng.randint(50, 150), rng.randint(20, 60))
    if names == "cloud":
        before, after = rng.randint(40, 160), rng.randint(4, 20)
    run = Run(rng, world, nodes, place, fault, step, before, after)
    run.go()
    start = run.start_s
    at = start if watched else (before + after) * step
    lines = run.lines(names)
    changes = [Change(service=place, kind="release", at=start - step)] if fault == "release" else []
    if rng.random() < world.unrelated / 2:
        other = rng.choice(list(nodes))
        changes.append(Change(service=other, kind="release", at=start - rng.uniform(300, 900)))
    calls = {name: frozenset(node.calls) for name, node in nodes.items()}
    entry = next(iter(nodes))
    question = Question(
        at=at, series=lines, calls=calls, changes=changes if names == "ours" else (), target=entry
    )
    return Labelled(
        name=f"{seed}-{names}-{fault}",
        question=question,
        service=place,
        metrics=_shown(fault, names),
        fault=fault,
        split=start,
    )


def _graph(rng: random.Random, world: World) -> dict[str, Node]:
    count = rng.randint(*world.sizes)
    shape = rng.choice(world.shapes)
    names = ["front", *(f"s{number:02}" for number in range(1, count))]
    depth = dict.fromkeys(names, 0)
    edges: set[tuple[str, str]] = set()
    for place in range(1, count):
        known = names[:place]
        if shape == "star":
            parents = [names[0] if rng.random() < 0.7 else rng.choice(known)]
        elif shape == "tree":
            parents = [rng.choice(known[max(0, place - 6) :])]
        else:
            parents = rng.sample(known, k=min(len(known), rng.choice((1, 1, 2, 3))))
        edges |= {(parent, names[place]) for parent in parents}
        depth[names[place]] = 1 + max(depth[parent] for parent in parents)
    if shape == "cyclic" and count > 4:
        edges |= {(rng.choice(names[2:]), rng.choice(names[1:])) for _ in range(2)}
    nodes = {
        name: Node(
            name=name,
            own_s=rng.lognormvariate(-4.6, 0.7),
            cost=rng.lognormvariate(-5.5, 0.6),
            capacity=rng.uniform(1.0, 4.0),
            memory=rng.lognormvariate(4.8, 0.7) * 1e6,
            host=rng.randrange(max(1, count // 5)),
            limit=1e9,
        )
        for name in names
    }
    for caller, callee in sorted(edges):
        if caller != callee:
            nodes[caller].calls[callee] = rng.choice((0.2, 0.5, 1.0, 1.0, 2.0))
    for node in nodes.values():
        node.stateful = not node.calls
    return nodes


def _place(rng: random.Random, nodes: dict[str, Node], fault: str) -> str | None:
    """Where the fault is: a leaker of connections needs a store that others use too."""
    if fault == "connections":
        fit = [
            name
            for name, node in nodes.items()
            if any(
                nodes[each].stateful and sum(each in other.calls for other in nodes.values()) > 1
                for each in node.calls
            )
        ]
        return rng.choice(fit) if fit else None
    if fault == "disk":
        return rng.choice([name for name, node in nodes.items() if node.stateful])
    if fault == "neighbour":
        fit = [n for n in nodes if sum(o.host == nodes[n].host for o in nodes.values()) > 2]
        return rng.choice(fit) if fit else None
    return rng.choice(list(nodes)[1:])


def _shown(fault: str, names: str) -> frozenset[str]:
    ours = {
        "cpu": {"cpu_us"},
        "leak": {"memory_working_set_bytes"},
        "disk": {"io_pressure_us", "block_written_bytes"},
        "connections": {"open_files", "threads"},
        "neighbour": {"cpu_us", "block_written_bytes"},
    }
    mesh = {
        "cpu": {"cpu"},
        "leak": {"mem"},
        "delay": {"latency-50", "latency-90"},
        "loss": {"latency-90", "error"},
    }
    return frozenset({"ours": ours, "mesh": mesh}.get(names, {}).get(fault, ()))


class Run:
    """One run of the world; ``lines`` gives what was read of it."""

    def __init__(
        self,
        rng: random.Random,
        world: World,
        nodes: dict[str, Node],
        place: str,
        fault: str,
        step: float,
        before: int,
        after: int,
    ) -> None:
        self.rng, self.world, self.nodes = rng, world, nodes
        self.place, self.fault, self.step = place, fault, step
        self.before, self.count = before, before + after
        self.start_s = before * step
        self.noise = rng.uniform(*world.noise)
        self.read: dict[str, dict[str, list[float | None]]] = {n: {} for n in nodes}
        self.severity = rng.choice((0.35, 0.7, 1.0, 1.0, 1.6))
        self.unrelated = self._unrelated()
        self.order = self._order()
        share = dict.fromkeys(list(nodes)[:1], 1.0)
        for name in reversed(self.order):
            for callee, times in nodes[name].calls.items():
                share[callee] = share.get(callee, 0.0) + min(3.0, share.get(name, 0.0) * times)
        for name, node in nodes.items():
            node.capacity = max(0.05, 60 * share.get(name, 0.1) * node.cost * rng.uniform(1.7, 5))
        self.used_store = self._store()

    def _store(self) -> str:
        stores = [
            name for name in sorted(self.nodes[self.place].calls) if self.nodes[name].stateful
        ]
        return self.rng.choice(stores) if stores else ""

    def _order(self) -> list[str]:
        """Callees first; what closes a circle is left where it is."""
        done: list[str] = []
        open_: set[str] = set()

        def visit(name: str) -> None:
            if name in open_ or name in done:
                return
            open_.add(name)
            for callee in self.nodes[name].calls:
                visit(callee)
            done.append(name)

        for name in self.nodes:
            visit(name)
        return done

    def _unrelated(self) -> dict[str, Callable[[int], Harm]]:
        found: dict[str, Callable[[int], Harm]] = {}
        for name in self.nodes:
            if name == self.place or self.rng.random() > self.world.unrelated / len(self.nodes) * 2:
                continue
            begins = self.rng.randrange(self.count)
            ends = begins + self.rng.randint(3, 40)
            kind = self.rng.choice(("batch", "cache"))
            size = self.rng.uniform(0.1, 0.5)

            def harm(
                now: int, begins: int = begins, ends: int = ends, kind: str = kind, s: float = size
            ) -> Harm:
                if kind == "batch":
                    return Harm(work=s * 0.4, written=s * 2e6) if begins <= now < ends else Harm()
                return Harm(memory=s) if now >= begins else Harm()

            found[name] = harm
        return found

    def _harm(self, now: int) -> Harm:
        age = now - self.before
        if age < 0:
            return Harm()
        s, grown = self.severity, min(1.0, (age + 1) / max(4, (self.count - self.before) * 0.6))
        slow = self.nodes[self.place].own_s
        match self.fault:
            case "cpu":
                return Harm(work=0.85 * min(1.1, s))
            case "leak":
                late = max(0.0, grown - 0.5)
                return Harm(memory=2.5 * s * grown, factor=1 + 6 * late * s, fails=0.3 * late * s)
            case "disk":
                return Harm(slow=(0.08 + 6 * slow) * s, written=-0.5, idle=0.8)
            case "delay":
                return Harm(slow=0.12 * s)
            case "loss":
                return Harm(slow=0.06 * s, fails=0.08 * s, drops=20 * s)
            case "connections":
                return Harm(held=120 * s * grown, memory=0.15 * grown)
            case "release":
                bad = self.start_s % 2 < 1
                return Harm(fails=0.25 * s) if bad else Harm(factor=1 + 3 * s, work=0.3 * s)
            case "killed":
                return Harm(down=True)
            case _:
                return Harm(work=0.9, written=8e6 * s)

    def go(self) -> None:
        """Run all of it."""
        rng, nodes = self.rng, self.nodes
        wave = rng.uniform(0, 6.28)
        length = rng.uniform(1.0, 4.0) * self.count
        drift = 0.0
        last = {name: (node.own_s, 0.0, 0.0) for name, node in nodes.items()}
        blocked: dict[str, float] = {}
        for now in range(self.count):
            drift = 0.9 * drift + rng.gauss(0, 0.04)
            enters = 40 * (1 + 0.25 * math.sin(wave + 6.28 * now / length)) * math.exp(drift)
            load = dict.fromkeys(nodes, 0.0)
            load[next(iter(nodes))] = enters
            for name in reversed(self.order):
                fails = last[name][1] if name in last else 0.0
                goes_on = 1 - 0.7 * fails
                for callee, times in nodes[name].calls.items():
                    load[callee] += min(400.0, load[name] * times * goes_on)
            harms = {name: harm(now) for name, harm in self.unrelated.items()}
            harms[self.place] = self._harm(now)
            taken: dict[int, float] = {}
            for name, node in nodes.items():
                harm = harms.get(name, Harm())
                taken[node.host] = taken.get(node.host, 0.0) + (
                    harm.work if self.fault == "neighbour" and name == self.place else 0.0
                )
            for name in self.order:
                last[name] = self._moment(
                    now, nodes[name], load[name], harms.get(name, Harm()), last, taken, blocked
                )
            store = self.used_store
            if self.fault == "connections" and store:
                held = harms[self.place].held
                usual = 10 + 0.4 * load[store]
                blocked[store] = min(0.6, max(0.0, (held - 40) / (usual + 60)))

    def _moment(
        self,
        now: int,
        node: Node,
        load: float,
        harm: Harm,
        last: dict[str, tuple[float, float, float]],
        taken: dict[int, float],
        blocked: dict[str, float],
    ) -> tuple[float, float, float]:
        """What the node does in one step: its latency, its share of failures, what it waits for."""
        if harm.down:
            for values in self.read[node.name].values():
                values.append(None)
            return 0.5, 1.0, 0.0
        mine = harm.work if not (self.fault == "neighbour" and node.name == self.place) else 0.6
        used = load * node.cost * harm.factor
        pressed = taken.get(node.host, 0.0) if node.name != self.place else 0.0
        room = node.capacity * (1 - 0.5 * min(1.0, pressed))
        busy = min(0.97, (used / room) * 0.6 + (0.8 * mine if harm.work else 0.0))
        own = node.own_s * harm.factor / (1 - busy) + harm.slow
        beneath, fails = 0.0, harm.fails + blocked.get(node.name, 0.0)
        for callee, times in node.calls.items():
            latency, failing, _ = last[callee]
            beneath += min(1.5, times) * latency
            fails += 0.8 * min(1.0, times) * failing
        fails = min(1.0, fails)
        latency = min(10.0, own + beneath)
        waiting = load * latency
        r, noise = self.rng, self.noise
        cpu = min(node.capacity, used + mine * node.capacity) * harm.idle
        leaks = harm.held
        shared = 0.0
        if node.name == self.used_store and self.fault == "connections":
            shared = self._harm(now).held
        figures = {
            "cpu": cpu,
            "memory": node.memory * (1 + harm.memory) + waiting * 2e5,
            "latency": latency,
            "tail": latency * (1.8 + 3 * fails),
            "fails": fails * load + 0.02 * (r.random() < 0.1),
            "share": fails,
            "load": load,
            "written": max(0.0, (load * 900 if node.stateful else 40) * (1 + min(0, harm.written))
                           + max(0.0, harm.written)),
            "threads": 8 + min(200.0, waiting) + 0.5 * shared,
            "files": 30 + min(400.0, 2 * waiting) + leaks + shared,
            "traffic": load * 2500 + leaks * 20,
            "cpu_wait": cpu * busy**3 * (1 + 8 * pressed),
            "io_wait": 0.001 * load * node.stateful + (harm.slow * 6 if self.fault == "disk" else 0)
            + (0.4 * pressed if node.stateful else 0),
        }  # fmt: skip
        for name, value in figures.items():
            wild = r.lognormvariate(0, 0.8) if r.random() < 0.015 else 1.0
            read = value * math.exp(r.gauss(0, noise * (0.2 if name == "memory" else 1.0))) * wild
            column = self.read[node.name].setdefault(name, [])
            column.append(None if r.random() < self.world.missing else max(0.0, read))
        return latency, fails, waiting

    def lines(self, names: str) -> list[Line]:
        """What was read, by one of three styles of names."""
        styles: dict[str, dict[str, tuple[str, str, float]]] = {
            "ours": {
                "cpu": ("cpu_us", COUNTER, 1e6),
                "memory": ("memory_working_set_bytes", "gauge", 1),
                "written": ("block_written_bytes", COUNTER, 1),
                "traffic": ("network_received_bytes", COUNTER, 1),
                "threads": ("threads", "gauge", 1),
                "files": ("open_files", "gauge", 1),
                "cpu_wait": ("cpu_pressure_us", COUNTER, 1e6),
                "io_wait": ("io_pressure_us", COUNTER, 1e6),
            },
            "mesh": {
                "cpu": ("cpu", "gauge", 1),
                "memory": ("mem", "gauge", 1),
                "load": ("workload", "gauge", 1),
                "latency": ("latency-50", "gauge", 1),
                "tail": ("latency-90", "gauge", 1),
                "fails": ("error", "gauge", 1),
            },
            "cloud": {
                "load": ("requests", "gauge", 1),
                "latency": ("latency_p50", "gauge", 1),
                "tail": ("latency_p95", "gauge", 1),
                "share": ("availability", "gauge", 1),
            },
        }
        found = []
        for service, columns in self.read.items():
            for figure, (metric, kind, unit) in styles[names].items():
                values = columns.get(figure, [])
                if figure == "share":
                    values = [None if v is None else 100 * (1 - min(1.0, v)) for v in values]
                times = [number * self.step for number in range(len(values))]
                if kind == COUNTER:
                    values = _summed(values, self.step * unit)
                elif figure in ("threads", "files", "memory", "load"):
                    values = [None if v is None else float(round(v)) for v in values]
                found.append(
                    Line(service=service, metric=metric, times=times, values=values, kind=kind)
                )
        return found


def _summed(values: list[float | None], unit: float) -> list[float | None]:
    total, last = 0.0, 0.0
    found: list[float | None] = []
    for value in values:
        last = last if value is None else value
        total += last * unit
        found.append(None if value is None else float(round(total)))
    return found
