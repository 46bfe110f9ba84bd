"""``tabib completion``."""

from __future__ import annotations

import click

from tabib.cli.console import Console
from tabib.cli.options import command
from tabib.cli.settings import Settings


@command(
    "completion",
    examples=(
        'eval "$(tabib completion bash)"                                   in ~/.bashrc',
        'eval "$(tabib completion zsh)"                                    in ~/.zshrc',
        "tabib completion fish > ~/.config/fish/completions/tabib.fish",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def completion(settings: Settings, shell: str) -> None:
    """Print the script that completes commands, options, services and projects."""
    from click.shell_completion import get_completion_class

    from tabib.cli.app import root

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    console = Console(settings.ansi)
    # click's own source() would run bash to learn its version; the script alone is wanted.
    script = kind(root, {}, "tabib", "_TABIB_COMPLETE")
    console.line(kind.source_template % script.source_vars())
