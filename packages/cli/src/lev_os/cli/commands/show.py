"""`lev show`."""

from __future__ import annotations

from typing import Any

import click
from lev_os.core.errors import LevError

from ..options import Specifier, json_option, python_option
from ..output import print_json, print_line


@click.command("show")
@click.argument("specifier", type=Specifier())
@python_option
@json_option
def command(specifier: str, python: str | None, as_json: bool) -> None:
    """Show what a model gets for a specifier: a text, a tool's card, a flow's tree, a constitution.

    \b
    Examples:
      lev show acme_support/contexts/executive
      lev show acme_support/tools/find_order --json
      lev show acme_support/flows/triage
    """
    from ..catalog import export_of

    export = export_of(specifier, python)
    shown: dict[str, Any] = {
        "specifier": export.specifier,
        "kind": export.kind,
        "conditions": list(export.conditions),
        "digest": None,
        "tokens": None,
    }
    lines: list[str] = []
    if export.kind == "tool":
        from ..render import card_lines, card_value

        card = export.package.card(export.subpath)
        shown |= card_value(card)
        lines = card_lines(card)
    elif export.kind == "python":
        target = export.package.resolve(export.subpath, "python")
        shown["object"] = target.object
        lines = [f"Python object {target.object}"]
    else:
        loaded = export.for_llm()
        shown |= {
            "context": loaded["context"],
            "text": loaded["text"],
            "digest": loaded["digest"],
            "tokens": loaded["tokens"],
        }
        lines = loaded["text"].rstrip("\n").split("\n")
        if export.kind == "flow":
            lines = _flow(export, loaded["text"], shown)
        elif export.kind == "constitution":
            lines = _constitution(export, loaded["text"], shown)
    if as_json:
        print_json(shown)
        return
    facts = [shown["kind"], ", ".join(shown["conditions"])]
    if shown["tokens"] is not None:
        facts.append(f"{shown['tokens']} tokens")
    if shown["digest"]:
        facts.append(shown["digest"][:19])
    print_line(f"{click.style(shown['specifier'], bold=True)}  {' · '.join(facts)}")
    print_line()
    for line in lines:
        print_line(line)


def _flow(export: Any, text: str, shown: dict[str, Any]) -> list[str]:
    from lev_os.core.flowmind import Flow

    from ..render import tree_lines

    flow = Flow.parse(text, package=export.package, path=_path(export), specifier=export.specifier)
    lines = tree_lines(flow.tree)
    shown["tree"] = lines
    return lines


def _constitution(export: Any, text: str, shown: dict[str, Any]) -> list[str]:
    from lev_os.core.constitutional import Constitution

    from ..render import constitution_lines, principle_value

    try:
        found = Constitution.parse(text, package=export.package, path=_path(export), specifier=export.specifier)
    except LevError:
        raise
    shown["principles"] = [principle_value(principle) for principle in found.principles]
    return constitution_lines(found)


def _path(export: Any) -> str | None:
    target = export.package.resolve(export.subpath, "llm")
    return None if target.path is None else str(target.path)
