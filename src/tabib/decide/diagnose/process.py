"""``process.*``: limits of processes and descriptors, and processes that wait or die."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tabib.decide.diagnose import figures
from tabib.decide.diagnose.heard import SYMPTOMS, finding, log_rule
from tabib.decide.diagnose.rule import Rule
from tabib.model.incident import Case, Evidence, Finding

_TASKS = 10
"""So many more tasks, with no more processes, and as many children that ended: zombies."""
_NEAR = 0.9
"""Share of its limit of open files."""


def _zombies(case: Case) -> Finding | None:
    """Tasks become more while processes do not, and as many of its children have ended: the kernel
    counts who has ended and was not waited for among the tasks alone. Threads are tasks, too: those
    that live are taken off where they were counted; else what came at once, and no more of it until
    the end, were threads."""
    if case.recorded is None:
        return None
    readings = case.recorded.container
    tasks = figures.points(readings, "threads")
    processes = dict(figures.points(readings, "processes"))
    both = [(value, processes[at]) for at, value in tasks if at in processes]
    if len(both) < 3:
        return None
    apart = [all_of - alive for all_of, alive in both]
    # Of the last two: while it ends, all of its processes are dead for a moment.
    dead = min(apart[-2:]) - min(apart)
    grew = both[-2][1] - min(alive for _, alive in both)
    ended = sum(one.ended_at is not None for one in case.recorded.processes)
    ended += case.recorded.processes_left_out
    if dead < _TASKS or grew > max(2, dead // 5) or ended < 0.8 * dead:
        return None
    living = case.recorded.living_threads
    if living is not None:
        dead = min(dead, both[-1][0] - living)
        if dead < _TASKS:
            return None
    elif min(apart[-2:]) <= apart[-3] or _at_once(apart):
        return None
    text = f"{both[-1][0]} tasks, {both[-1][1]} processes; {ended} of its processes have ended"
    return Finding(
        code="process.zombies",
        severity="error",
        summary=f"about {dead} of its processes have ended and were never waited for (zombies)",
        evidence=(Evidence(source="history", text=text),),
    )


def _at_once(values: Sequence[int]) -> bool:
    """Whether most of the growth is a single step."""
    most = max(after - before for before, after in pairwise(values))
    return most > 0.75 * (max(values) - min(values))


def _fd_leak(case: Case) -> Finding | None:
    said = finding(case, "process.fd-leak")
    if said is not None or case.trigger != "unhealthy":
        return said
    limit = _open_files_limit(case)
    held = figures.last(figures.container(case), "open_files")
    if not limit or held is None or held < _NEAR * limit:
        return None
    return Finding(
        code="process.fd-leak",
        severity="error",
        summary=f"it holds {held} files and connections open; its limit is {limit}",
        evidence=(Evidence(source="history", text=f"{held} open descriptors"),),
    )


def _open_files_limit(case: Case) -> int:
    limits = (case.inspection.get("HostConfig") or {}).get("Ulimits") or ()
    for one in limits:
        if isinstance(one, dict) and one.get("Name") == "nofile":
            return int(one.get("Soft") or 0)
    return 0


RULES = (
    log_rule(
        "process.pid-limit",
        explain="No further process or thread may be started in the container.",
        advice="Find what starts so many (`tabib processes`); raise `pids_limit` if they are due.",
        restart_helps=True,
        explains=("memory.exhausted", "network.refused"),
    ),
    Rule(
        code="process.fd-leak",
        check=_fd_leak,
        confidence=0.9,
        explain="The program holds as many files and connections open as it may.",
        advice="Find what it does not close; raise `ulimits: nofile` if the number is due.",
        restart_helps=True,
        explains=(
            *SYMPTOMS,
            *("network.refused", "network.timeout", "network.reset", "network.dns"),
        ),
    ),
    log_rule(
        "process.deadlock",
        explain="The program's threads wait for each other without end.",
        advice="Keep the quoted trace for the makers of the program.",
        restart_helps=True,
    ),
    log_rule(
        "process.worker-died",
        explain="A worker process of the application was lost.",
        advice="See with `tabib processes` how it ended, and what it used.",
        confidence=0.7,
        restart_helps=True,
    ),
    Rule(
        code="process.zombies",
        check=_zombies,
        explain="The first process does not wait for its children; the ended ones fill its table.",
        advice="Set `init: true` for the service: a small init waits for them.",
        confidence=0.93,
        explains=(*SYMPTOMS, "process.pid-limit"),
    ),
)
