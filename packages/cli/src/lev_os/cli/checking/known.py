"""The rules that this project knows."""

from __future__ import annotations

import os
from collections.abc import Mapping

from lev_os.check.registry import rules
from lev_os.check.rule import Rule
from lev_os.core.errors import InvalidInput

from ..output import note


def known_rules() -> Mapping[str, Rule]:
    """Our own, and those of the plugins that the project around the current folder names; which fail is told."""
    from lev_os.check.configuration import configuration_file, read_configuration

    file = configuration_file(os.getcwd())
    try:
        plugins = read_configuration(file).plugins
    except InvalidInput:  # `lev check` says what is wrong with it, and `lev explain` is asked what that means
        plugins = ()
    if plugins:
        from lev_os.check.plugins import load

        for fault in load(plugins, file or ""):
            note(f"{fault.code} {fault.message}")
    return rules()
