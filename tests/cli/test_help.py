"""Every command explains itself, and the promises about flags hold for all of them."""

from __future__ import annotations

import click
import pytest

from cli.conftest import Tabib
from tabib.cli.app import COMMANDS, root
from tabib.cli.later import LATER
from tabib.cli.options import Command


def all_commands() -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    context = click.Context(root)
    for name in COMMANDS:
        command = root.get_command(context, name)
        assert command is not None
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {sub}", entry) for sub, entry in command.commands.items()]
    return found


ALL = all_commands()


@pytest.mark.parametrize(("name", "command"), ALL, ids=[name for name, _ in ALL])
def test_help_has_a_sentence_and_examples(name: str, command: click.Command, tabib: Tabib) -> None:
    done = tabib(*name.split(), "--help")
    assert done.code == 0
    assert command.help
    assert isinstance(command, Command)
    assert 2 <= len(command.examples) <= 4
    assert all("tabib" in example for example in command.examples)
    for example in command.examples:
        assert example.split()[0] in done.out
    assert all(len(line) <= 110 for line in done.out.splitlines())


@pytest.mark.parametrize("name", [
    "up", "down", "start", "stop", "restart", "kill", "pause", "unpause", "rm", "scale", "run",
    "cp", "adopt", "disown", "daemon stop", "daemon install",
])  # fmt: skip
def test_what_changes_something_has_dry_run(name: str) -> None:
    assert any("--dry-run" in parameter.opts for parameter in dict(ALL)[name].params)


@pytest.mark.parametrize("name", [
    "ps", "ls", "logs", "images", "port", "config", "releases", "incidents", "incident", "version",
    "daemon status", "notify ls", "notify test", "top", "history", "processes", "events", "inspect",
    "report", "checkup",
])  # fmt: skip
def test_what_reads_has_json(name: str) -> None:
    assert any("--json" in parameter.opts for parameter in dict(ALL)[name].params)


@pytest.mark.parametrize(("name", "command"), ALL, ids=[name for name, _ in ALL])
def test_no_option_means_two_things(name: str, command: click.Command) -> None:
    options = [text for parameter in command.params for text in parameter.opts]
    assert len(options) == len(set(options))


def test_the_list_of_commands_is_that_of_the_design(tabib: Tabib) -> None:
    listed = tabib("--help").out
    for name in COMMANDS:
        assert f"  {name} " in listed
    assert not set(COMMANDS) & set(LATER)


def test_without_arguments_the_help_is_shown(tabib: Tabib) -> None:
    assert tabib().out == tabib("--help").out
