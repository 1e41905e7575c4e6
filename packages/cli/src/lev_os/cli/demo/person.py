"""Where the flow waits for a person: on a terminal that is you, elsewhere nobody answers in your place."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..output import print_line


def wait_of(journal: Path) -> dict[str, Any]:
    """What the run waits for first."""
    from lev_os.core.bidirectional.replaying import run_info

    wait: dict[str, Any] = run_info(journal).waits[0]
    return wait


def ask(wait: Mapping[str, Any]) -> dict[str, Any] | None:
    """The answer of the person at the terminal; None where there is none, or the question is not one of choices."""
    choices = _choices(wait)
    if not choices or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    print_line(f"  a person decides: “{wait.get('about')}”")
    sys.stdout.flush()
    return {name: click.prompt(f"  {name}", type=click.Choice(values), err=True) for name, values in choices.items()}


def tell(run: str, wait: Mapping[str, Any], env: Mapping[str, str]) -> None:
    """Say that a person decides here, and how: nobody is at the terminal."""
    print_line("  neither the classifier nor a model was sure enough, so a person decides: the flow is written so")
    print_line(f"  nobody is asked here, so run {run} waits for {wait.get('name')}; a person answers with")
    example = {name: values[0] for name, values in _choices(wait).items()}
    answer = f" --answer {shlex.quote(json.dumps(example))}" if example else ""
    variables = "".join(f"{name}={shlex.quote(value)} " for name, value in env.items())
    print_line(f"  {variables}lev runs approve {run}{answer}")


def _choices(wait: Mapping[str, Any]) -> dict[str, list[str]]:
    fields = (wait.get("returns") or {}).get("properties") or {}
    choices = {name: schema["enum"] for name, schema in fields.items() if "enum" in schema}
    return choices if len(choices) == len(fields) else {}
