"""``process.*``: limits of processes and descriptors, and processes that wait or die."""

from __future__ import annotations

from tabib.decide.diagnose.heard import log_rule

RULES = (
    log_rule(
        "process.pid-limit",
        explain="No further process or thread may be started in the container.",
        advice="Find what starts so many (`tabib processes`); raise `pids_limit` if they are due.",
        restart_helps=True,
        explains=("memory.exhausted", "network.refused"),
    ),
    log_rule(
        "process.fd-leak",
        explain="The program holds as many files and connections open as it may.",
        advice="Find what it does not close; raise `ulimits: nofile` if the number is due.",
        restart_helps=True,
        explains=("network.refused", "network.timeout", "network.reset", "network.dns"),
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
)
