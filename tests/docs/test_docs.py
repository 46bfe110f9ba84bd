"""The documents against the code: links, pages, commands and options that really exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tabib.cli.app import COMMANDS, root
from tabib.cli.options import global_options
from tabib.decide.checkup import BY_CODE as CHECKED
from tabib.decide.diagnose import BY_CODE as DIAGNOSED

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md")],
    key=str,
)
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")


def prose(text: str) -> str:
    """The document without blocks and inline code: what only looks like a link there is none."""
    return _CODE.sub("", _FENCE.sub("", text))


def links(text: str) -> list[str]:
    return [target for target in _LINK.findall(prose(text)) if "://" not in target]


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as code hosting sites make them."""
    text = _FENCE.sub("", path.read_text())
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def broken(path: Path) -> list[str]:
    """Relative links of a document that lead nowhere."""
    found = []
    for target in links(path.read_text()):
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (
            anchor and there.suffix == ".md" and anchor not in anchors(there)
        ):
            found.append(target)
    return found


def leads_to(index: Path) -> set[Path]:
    return {
        (index.parent / target.partition("#")[0]).resolve() for target in links(index.read_text())
    }


def shown_commands(text: str) -> Iterator[str]:
    """Each ``$ tabib …`` of the blocks marked ``console``."""
    for language, block in _FENCE.findall(text):
        if language == "console":
            for line in block.splitlines():
                if line.startswith("$ tabib"):
                    yield line.removeprefix("$ ")


def unparsed(context: click.Context) -> list[str]:
    """The words that are left for a subcommand; click keeps the first of them apart."""
    return [*getattr(context, "_protected_args", ()), *context.args]


def problem(line: str) -> str:
    """Why the command line is not one that tabib understands; empty where it is. Runs nothing."""
    words = shlex.split(line)[1:]
    try:
        context = root.make_context("tabib", words)
        rest = unparsed(context)
        group: click.Command = root
        while isinstance(group, click.Group) and rest:
            name, command, rest = group.resolve_command(context, rest)
            if command is None or name is None:
                return f"no command {rest[:1]}"
            context = command.make_context(name, rest, parent=context)
            group, rest = command, unparsed(context)
    except click.ClickException as error:
        return error.format_message()
    return ""


def own_options(command: click.Command) -> set[str]:
    """The options that a command has beside the global ones and that its help shows."""

    @click.command()
    @global_options(root=True)
    def bare() -> None: ...

    shared = {name for option in bare.params for name in option.opts} - {"-f", "-p"}
    return {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for name in [*parameter.opts, *parameter.secondary_opts]
        if name not in shared
        and not (parameter.name or "").startswith("global_")
        and name not in ("--help", "-h")
    }


def subcommands(command: click.Command) -> list[click.Command]:
    return list(command.commands.values()) if isinstance(command, click.Group) else []


def command_of(name: str) -> click.Command:
    found = root.get_command(click.Context(root), name)
    assert found is not None
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_relative_links_lead_somewhere(path: Path) -> None:
    assert broken(path) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One thing\n[a](page.md#one-thing) [b](#none) [c](gone.md) `[d](code.md)`\n")

    assert broken(page) == ["#none", "gone.md"]


def test_each_command_has_a_page_and_each_page_a_command() -> None:
    pages = {path.stem for path in (DOCS / "commands").glob("*.md")} - {"README"}

    assert pages == set(COMMANDS)


@pytest.mark.parametrize("folder", ["commands", "decisions", "findings"])
def test_the_index_of_a_folder_leads_to_each_of_its_pages(folder: str) -> None:
    index = DOCS / folder / "README.md"

    assert set((DOCS / folder).glob("*.md")) - {index} <= leads_to(index)


def test_each_finding_has_a_page() -> None:
    assert {path.stem for path in (DOCS / "findings").glob("*.md")} >= {*DIAGNOSED, *CHECKED}


def test_each_document_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        path = ahead.pop()
        if path not in reached:
            reached.add(path)
            ahead += [there for there in leads_to(path) if there.suffix == ".md" and there.exists()]

    assert set(DOCS.rglob("*.md")) <= reached


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_page_names_its_commands_options_and_no_others(name: str) -> None:
    command = command_of(name)
    text = (DOCS / "commands" / f"{name}.md").read_text()
    mine = {option for each in (command, *subcommands(command)) for option in own_options(each)}
    table = "\n".join(line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `-"))
    described = set(_OPTION.findall(table))

    assert {option for option in mine if f"`{option}" not in text} == set()
    assert described <= mine


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_commands_that_are_shown_exist(path: Path) -> None:
    assert {line: why for line in shown_commands(path.read_text()) if (why := problem(line))} == {}


def test_a_command_that_does_not_exist_is_found() -> None:
    assert problem("tabib up --dry-run web") == ""
    assert problem("tabib -p shop daemon status --json") == ""
    assert "--dryrun" in problem("tabib up --dryrun")
    assert "tpo" in problem("tabib tpo")
    assert "takeoff" in problem("tabib daemon takeoff")


def test_pages_show_commands() -> None:
    """A page without a single command that can be checked is no page of a command."""
    pages = [DOCS / "commands" / f"{name}.md" for name in COMMANDS]

    assert [page.name for page in pages if not [*shown_commands(page.read_text())]] == []
