"""The package of `lev demo` travels in the wheel: from the examples of the tree, or from where the sdist has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_NAME = "acme_support"
_IN_SDIST = f"demo/{_NAME}"
_IN_WHEEL = f"lev_os/cli/demo/packages/{_NAME}"


class CustomBuildHook(BuildHookInterface):
    """Adds the example to a wheel and to an sdist; an editable install finds it where it is."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before each build; raises `FileNotFoundError` where neither the tree nor an sdist is around."""
        if version == "editable":
            return
        root = Path(self.root)
        places = (root / _IN_SDIST, root.parent.parent / "examples" / _NAME / "src" / _NAME)
        found = next((place for place in places if (place / "lev.toml").is_file()), None)
        if found is None:
            raise FileNotFoundError(f"{_NAME} is in none of {', '.join(map(str, places))}")
        build_data["force_include"][str(found)] = _IN_SDIST if self.target_name == "sdist" else _IN_WHEEL
