"""Run as a script, in the project's environment: import tools and write what their signatures say.

Arguments: the folder to import from, the package's name, its folder, the file to write to, and the tools' subpaths.
Nothing but `lev_os.core` is needed there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(base: str, name: str, root: str, answer: str, *subpaths: str) -> None:
    """Write `{cards: {subpath: {description, input_schema, output_schema}}, errors: [[specifier, message, help]]}`."""
    sys.path.insert(0, base)
    from lev_os.core.errors import LevError
    from lev_os.core.packaging import Package, card_of

    package = Package(name, root)
    cards, errors = {}, []
    for subpath in subpaths:
        try:
            card = card_of(package.tool(subpath))
        except LevError as error:
            errors.append([package.specifier(subpath), error.message, error.help])
            continue
        cards[subpath] = [card.description, card.input_schema, card.output_schema]
    Path(answer).write_text(json.dumps({"cards": cards, "errors": errors}), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
