"""`lev schema`."""

from __future__ import annotations

import click

from ..errors import UsageProblem
from ..options import json_option
from ..output import columns, print_json, print_line


@click.command("schema")
@click.argument("name", required=False, metavar="[FORMAT]")
@json_option
def command(name: str | None, as_json: bool) -> None:
    """Print the JSON Schema of a file format; without FORMAT, list the formats.

    \b
    Examples:
      lev schema
      lev schema flow > flow.schema.json
    """
    import difflib

    from lev_os.core.formats import FORMATS, schema

    if name is None:
        if as_json:
            print_json(list(FORMATS))
            return
        for line in columns((format_name, _title(schema(format_name))) for format_name in FORMATS):
            print_line(line)
        return
    if name not in FORMATS:
        near = difflib.get_close_matches(name, FORMATS, n=1, cutoff=0.4)
        help = f"did you mean `{near[0]}`?" if near else "the formats are " + ", ".join(FORMATS)
        raise UsageProblem(f"there is no format {name!r}", help=help)
    print_json(schema(name))


def _title(found: dict[str, object]) -> str:
    return str(found.get("title") or found.get("description") or "")
