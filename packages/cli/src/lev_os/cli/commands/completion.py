"""`lev completion`: the script that teaches a shell our commands and specifiers."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from ..output import print_line


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples:
      eval "$(lev completion bash)"                          # this session
      lev completion zsh >> ~/.zshrc
      lev completion fish > ~/.config/fish/completions/lev.fish
    """
    from ..app import app

    kind = get_completion_class(shell)
    assert kind is not None  # click ships all three
    for name in ("lev", "lev-os"):
        variable = f"_{name.upper().replace('-', '_')}_COMPLETE"
        # Click's `source()` first runs the shell to ask its version; the reader of the script has it already.
        maker = kind(app, {}, name, variable)
        print_line(maker.source_template % maker.source_vars())
