"""``tabib backup``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from tabib.cli.console import Console
from tabib.cli.options import command, json_option, services_argument
from tabib.cli.project import name_of
from tabib.cli.session import connect, who
from tabib.cli.settings import Settings
from tabib.model.errors import NeedsConfirmation, TabibError, UsageError

if TYPE_CHECKING:
    from tabib.client.api import Client


@command(
    "backup",
    examples=(
        "tabib backup               copy all data of the project here, while it runs",
        "tabib backup --plan        what is data, what is copied and how, when, and what is kept",
        "tabib backup --key         show the key that all copies are encrypted with, once",
        "tabib backup --prune       let go of what retention no longer keeps, and give room back",
    ),
)
@services_argument
@click.option("--plan", is_flag=True, help="Show what would be copied, how and why; do nothing.")
@click.option("everything", "--all", "-a", is_flag=True, help="Every project in care.")
@click.option("key", "--key", is_flag=True, help="Show the recovery key, for safe keeping.")
@click.option("--images", is_flag=True, help="Keep the images of its release there as well.")
@click.option("--prune", is_flag=True, help="Take none; give back the room of old ones, now.")
@click.option("--yes", "-y", is_flag=True, help="With --key: again, or where no terminal is.")
@json_option
@click.option("--quiet", "-q", is_flag=True, help="Say only what is wrong.")
@click.pass_obj
def backup(
    settings: Settings,
    services: tuple[str, ...],
    plan: bool,
    everything: bool,
    key: bool,
    images: bool,
    prune: bool,
    yes: bool,
    as_json: bool,
    quiet: bool,
) -> int | None:
    """Copy the project's data into its repository, encrypted, while the services run.

    Databases are copied by their own means. SERVICE: only what these write to.
    """
    _check(services, plan=plan, everything=everything, key=key, yes=yes, prune=prune)
    if key:
        _show_key(settings, again=yes, as_json=as_json)
        return None
    name = "" if everything else name_of(settings)
    console = Console(settings.ansi)
    with connect(settings) as client:
        names = _in_care(client) if everything else [name]
        if not names:
            console.say("no project is in care; `tabib up` or `tabib adopt` takes one")
        if plan:
            _show_plans(client, names, console, as_json=as_json)
            return None
        if prune:
            _prune(settings, client, names, as_json=as_json, quiet=quiet)
            return None
        return _take(settings, client, names, services, images=images, as_json=as_json, quiet=quiet)


def _check(
    services: tuple[str, ...],
    *,
    plan: bool,
    everything: bool,
    key: bool,
    yes: bool,
    prune: bool,
) -> None:
    if prune and (key or plan or services):
        wrong = "--prune is of the whole project, and goes alone"
    elif key + plan > 1 or (key and (everything or services)):
        wrong = "--key goes alone, or with --yes"
    elif everything and services:
        wrong = "--all and SERVICE exclude each other"
    elif plan and services:
        wrong = "--plan is of the whole project"
    elif yes and not key:
        wrong = "--yes goes with --key"
    else:
        return
    raise UsageError(wrong, attempted="read the options of", target="tabib backup")


def _in_care(client: Client) -> list[str]:
    rows = client.get("/v1/projects")
    return [str(row["project"]) for row in rows if row.get("in_care")]


def _show_plans(client: Client, names: list[str], console: Console, *, as_json: bool) -> None:
    from tabib.cli.render.backup import plan_lines

    plans = [client.get(f"/v1/projects/{quote(name, safe='')}/backup/plan") for name in names]
    if as_json:
        console.json(plans)
        return
    for number, plan in enumerate(plans):
        if number:
            console.line()
        for line in plan_lines(plan, console):
            console.line(line)


def _take(
    settings: Settings,
    client: Client,
    names: list[str],
    services: tuple[str, ...],
    *,
    images: bool,
    as_json: bool,
    quiet: bool,
) -> int | None:
    """One project after the other; where one fails the others are done all the same."""
    from tabib.cli import exit_codes
    from tabib.cli.render.errors import report

    console = Console(settings.ansi)
    rows: list[Any] = []
    worst: int | None = None
    shown = True
    for name in names:
        try:
            result = _one(settings, client, name, services, images=images, quiet=quiet or as_json)
        except TabibError as error:
            _say_rest(console, error)
            if len(names) == 1:
                raise
            if error.kind == "usage":  # Nothing of it is data: that is no trouble.
                console.say(f"{name}: {error.happened}")
                continue
            report(error, settings)
            worst = max(worst or 0, exit_codes.of_error(error))
            if error.kind == "interrupted":
                break
            continue
        rows.append(result["snapshot"])
        shown = shown and bool(result["key_shown"])
        if not (quiet or as_json) and settings.progress not in ("json", "quiet"):
            from tabib.cli.render.backup import taken_lines

            for line in taken_lines(result, console):
                console.say(line)
    if as_json:
        console.json(rows)
    if rows and not shown:
        _offer_key(settings, client, console)
    return worst


def _one(
    settings: Settings,
    client: Client,
    name: str,
    services: tuple[str, ...],
    *,
    images: bool,
    quiet: bool,
) -> Any:
    from tabib.cli.operation import follow, progress_for
    from tabib.client.encode import encode
    from tabib.model.wire import BackupRequest

    request = BackupRequest(
        services=services, by=who(), no_wait_lease=settings.no_wait, images=images
    )
    progress = progress_for(settings, quiet=quiet)
    return follow(client, f"/v1/projects/{quote(name, safe='')}/backup", encode(request), progress)


def _prune(
    settings: Settings, client: Client, names: list[str], *, as_json: bool, quiet: bool
) -> None:
    """Retention now, and the room given back."""
    from tabib.cli.operation import follow, progress_for
    from tabib.cli.render.units import size
    from tabib.client.encode import encode
    from tabib.model.wire import BackupRequest

    console = Console(settings.ansi)
    request = BackupRequest(by=who(), no_wait_lease=settings.no_wait, prune=True)
    rows: list[Any] = []
    for name in names:
        progress = progress_for(settings, quiet=quiet or as_json)
        path = f"/v1/projects/{quote(name, safe='')}/backup"
        result = follow(client, path, encode(request), progress)
        rows.append({"project": name, **result})
        if not (quiet or as_json):
            gone = len(result["let_go"])
            console.say(
                f"{name}: {gone} snapshot{'' if gone == 1 else 's'} let go, "
                f"{size(int(result['freed_bytes']))} given back"
            )
    if as_json:
        console.json(rows)


def _say_rest(console: Console, error: TabibError) -> None:
    """A snapshot without what could not be copied is kept: say so before the error."""
    if error.details.get("snapshot"):
        left_out = ", ".join(map(str, error.details.get("data_sets") or ()))
        console.warn(
            f"snapshot {error.details['snapshot']} is incomplete: it holds all but {left_out}"
        )


# ── the key ────────────────────────────────────────────────────────────────────────────────────


def _at_terminal() -> bool:
    """Whether a person reads along."""
    import sys

    from tabib.cli.console import is_terminal

    return is_terminal(sys.stdout) and is_terminal(sys.stderr)


def _ask_key(client: Client, *, again: bool) -> Any:
    from tabib.client.encode import encode
    from tabib.model.wire import KeyRequest

    return client.post("/v1/backup/key", encode(KeyRequest(again=again, by=who())))


def _show_key(settings: Settings, *, again: bool, as_json: bool) -> None:
    if not (again or _at_terminal()):
        raise NeedsConfirmation(
            "this is no terminal: the key would end up in a file or a log",
            attempted="show",
            target="the key of the repositories",
            advice="Add --yes where that is meant.",
        )
    with connect(settings) as client:
        answer = _ask_key(client, again=again)
    console = Console(settings.ansi)
    if as_json:
        console.json(answer)
        return
    console.line(str(answer["key"]))
    console.say(
        "Keep it outside of this machine (a password manager, paper): nobody can read the copies "
        "without it."
    )


def _offer_key(settings: Settings, client: Client, console: Console) -> None:
    """After the first copy: the key on a terminal, elsewhere how to see it."""
    if not _at_terminal() or settings.progress in ("json", "quiet"):
        console.warn(
            "nobody has seen the key of these copies yet; without it a new machine cannot read "
            "them: `tabib backup --key` shows it"
        )
        return
    try:
        key = _ask_key(client, again=False)["key"]
    except NeedsConfirmation:
        return  # Somebody else was shown it meanwhile.
    console.say("")
    console.say("The copies are encrypted with this key:")
    console.say("")
    console.say(f"    {console.paint_err(str(key), 'bold')}")
    console.say("")
    console.say(
        "Keep it outside of this machine (a password manager, paper). When this machine is lost, "
        "nobody can read the copies without it. It is shown this once; `tabib backup --key --yes` "
        "shows it again while the machine is there."
    )
