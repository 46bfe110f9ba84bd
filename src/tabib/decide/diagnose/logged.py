"""Rules of the older families that are known by what programs write alone."""

from __future__ import annotations

from dataclasses import replace

from tabib.decide.diagnose.heard import SYMPTOMS, finding, log_rule
from tabib.decide.diagnose.network import asks_itself
from tabib.decide.diagnose.rule import Rule
from tabib.model.incident import Case, Finding


def _timeout(case: Case) -> Finding | None:
    found = finding(case, "network.timeout")
    return None if found is None or asks_itself(case, found) else found


RULES = (
    log_rule(
        "exit.missing-module",
        explain="A library, module or class that the program loads is not in the image.",
        advice="Add it to the image (its list of dependencies) and build it again.",
        confidence=0.95,
        explains=("exit.command-not-found", "config.file-missing"),
    ),
    log_rule(
        "memory.exhausted",
        explain="The program asked for memory and got none: its own heap limit, or the machine's.",
        advice="Raise the runtime's heap limit together with the container's, or find the leak.",
        restart_helps=True,
        explains=("process.worker-died", "process.pid-limit"),
    ),
    log_rule(
        "memory.shared",
        explain="The container's /dev/shm is too small for the program.",
        advice="Set `shm_size` for the service.",
        confidence=0.95,
        explains=("storage.full", "memory.exhausted"),
    ),
    replace(
        log_rule(
            "network.timeout",
            explain="Something that the service asks does not answer in time.",
            advice="Look at the other side first: is it overloaded, or cut off?",
            confidence=0.65,
            restart_helps=True,
        ),
        check=_timeout,
    ),
    log_rule(
        "network.partition",
        explain="No way leads to the other side: another network, or a firewall.",
        advice="Check that both are on one network, and the firewall of the machine.",
        confidence=0.8,
        restart_helps=True,
        explains=("network.timeout", "network.refused"),
    ),
    log_rule(
        "network.reset",
        explain="The other side closed a connection in the middle.",
        advice="Look at the other side's log at that second: did it restart?",
        confidence=0.6,
        restart_helps=True,
    ),
    log_rule(
        "network.bind-failed",
        explain="The program may not listen on the address or port that it wants.",
        advice="Use a port above 1024, listen on 0.0.0.0, or run it as a user that may.",
        explains=("storage.permission-denied",),
    ),
    log_rule(
        "storage.io-error",
        explain="A disk, or a file system from elsewhere, fails.",
        advice="Look into the kernel's log (`dmesg`) and at the mount; save the data first.",
        confidence=0.95,
        explains=("database.corrupt",),
    ),
    log_rule(
        "config.secret-missing",
        explain="A secret or config that the program reads is not in the container.",
        advice="Put the secret back, and name it in `secrets:` or `configs:` of the service.",
        confidence=0.95,
        explains=("config.file-missing", "exit.missing-env"),
    ),
    log_rule(
        "config.file-missing",
        explain="A file that the program reads is not in the container.",
        advice="Put the file where it is looked for, in the image or as a mount.",
        confidence=0.85,
        explains=("config.invalid",),
    ),
    log_rule(
        "config.invalid",
        explain="The program's configuration cannot be read, or says what it does not know.",
        advice="Correct the line or option that is named, then run `tabib up`.",
        confidence=0.85,
    ),
)


def widened(rule: Rule) -> Rule:
    """The rule, which also takes what the table of signatures has for its code."""

    def check(case: Case) -> Finding | None:
        return rule.check(case) or finding(case, rule.code)

    explains = tuple(dict.fromkeys((*rule.explains, *SYMPTOMS)))
    return replace(rule, check=check, explains=explains)
