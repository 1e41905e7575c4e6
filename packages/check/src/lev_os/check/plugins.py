"""Rules of third parties: entry points of the group `lev_os.check_rules`, each a module whose import registers them.

Only those that the user's own `[tool.lev] plugins` names are imported: what lies in an environment is not asked.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING

from .applying import said_by
from .cache import files_below, state
from .diagnostics import Diagnostic
from .registry import rules
from .rule import RULES

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "lev_os.check_rules"
BROKEN_PLUGIN = "CHK907"


def load(names: Sequence[str], file: str) -> tuple[Diagnostic, ...]:
    """Import these plugins, once in a process; what is wrong with them, as findings in the configuration `file`."""
    faults = [fault for name in names if (fault := _load(name)) is not None]
    return tuple(
        Diagnostic(BROKEN_PLUGIN, "error", file, 1, 1, 1, 1, message, help) for message, help in faults
    )  # fmt: skip


def stamp(names: Sequence[str]) -> str:
    """A name for the code of these plugins: it changes when they do. Imports none of them."""
    from importlib import util

    known = _known()
    total = 0
    for name in names:
        point = known.get(name)
        if point is None:
            continue
        found = util.find_spec(point.module.partition(".")[0])
        places = (found.submodule_search_locations or [found.origin or ""]) if found is not None else []
        for place in places:
            for path in files_below(place) if os.path.isdir(place) else (place,):
                total = zlib.crc32(b"%s%d" % (os.fsencode(path), state(path)), total)
    return f"{total:08x}"


def _known() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=GROUP)}


@cache
def _load(name: str) -> tuple[str, str | None] | None:
    """Why a plugin could not be loaded, and what to do."""
    known = _known()
    if name not in known:
        near = get_close_matches(name, known, n=1)
        here = f"the plugins here are {', '.join(known)}" if known else "install it where `lev` is installed"
        return f"there is no plugin `{name}`", f"did you mean `{near[0]}`?" if near else here
    own = set(rules())
    try:
        known[name].load()
    except Exception as error:
        for code in RULES.keys() - own:  # half a plugin is none
            del RULES[code]
        return f"the plugin `{name}` cannot be loaded: {said_by(error)}", "report it to its authors"
    finally:
        rules.cache_clear()
    return None
