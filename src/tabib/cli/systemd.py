"""The systemd unit of the daemon. Source: systemd.service(5), systemd.exec(5)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from tabib.model.errors import StateUnusable

_SYSTEM_PATH = "/etc/systemd/system/tabib.service"


@dataclass(frozen=True, slots=True)
class UnitPlan:
    """Which unit is written where."""

    path: str
    unit: str
    as_user: bool


def plan(*, executable: str, state_dir: str, as_user: bool, environ: Mapping[str, str]) -> UnitPlan:
    """The unit for the Python at ``executable`` and the state folder ``state_dir``."""
    if as_user:
        home = environ.get("HOME") or os.path.expanduser("~")
        base = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
        path = os.path.join(base, "systemd", "user", "tabib.service")
    else:
        path = _SYSTEM_PATH
    return UnitPlan(path, _unit(executable, state_dir, as_user), as_user)


def _unit(executable: str, state_dir: str, as_user: bool) -> str:
    command = " ".join(
        quote(word)
        for word in (executable, "-m", "tabib", "--state-dir", state_dir, "daemon", "run")
    )
    after = "" if as_user else "After=docker.service network-online.target\nWants=docker.service\n"
    wanted_by = "default.target" if as_user else "multi-user.target"
    return f"""\
[Unit]
Description=tabib, the physician of your containers
{after}StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=exec
ExecStart={command}
Restart=on-failure
RestartSec=2
# SIGTERM: running operations end at their next safe step; containers run on.
TimeoutStopSec=60
KillMode=mixed
UMask=0077
Environment=PYTHONUNBUFFERED=1

[Install]
WantedBy={wanted_by}
"""


def quote(word: str) -> str:
    """``word`` as one argument of ``ExecStart``: ``%`` and ``$`` doubled, quoted where needed."""
    word = word.replace("%", "%%").replace("$", "$$")
    if word and not any(char.isspace() or char in "\"'\\;" for char in word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def write(unit: UnitPlan) -> None:
    """Write the unit in one step (a reader sees the old or the new one).

    :raises StateUnusable: its folder cannot be written.
    """
    temporary = f"{unit.path}.new"
    try:
        os.makedirs(os.path.dirname(unit.path), exist_ok=True)
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(unit.unit)
        os.chmod(temporary, 0o644)
        os.replace(temporary, unit.path)
    except OSError as error:
        raise StateUnusable(
            error.strerror or str(error),
            attempted="write",
            target=unit.path,
            advice="Run it as root, or with --user, or see the unit with --print.",
        ) from error


def runs_here() -> bool:
    """Whether systemd is this machine's service manager (sd_booted(3))."""
    return os.path.isdir("/run/systemd/system")


def next_steps(unit: UnitPlan) -> list[str]:
    """What to type next, with systemd and without."""
    user = " --user" if unit.as_user else ""
    if not runs_here():
        return [
            "systemd does not run on this machine: nothing will start the unit.",
            "Start the daemon with `tabib daemon start`, and have whatever starts services here",
            "(a cron @reboot line, an init script, a supervisor) call `tabib daemon run`.",
        ]
    lines = [
        "Next:",
        "  tabib daemon stop    (if one runs in the background)",
        f"  systemctl{user} daemon-reload",
        f"  systemctl{user} enable --now tabib",
    ]
    if unit.as_user:
        lines.append("  loginctl enable-linger    (so that it runs without a login)")
    return lines
