"""Write the version of every third-party distribution into `[tool.uv] constraint-dependencies`.

The lock file is not kept because it names the index it was made from; these pins hold the same versions and
work with any index. `make pins` takes the newest versions that the ranges of the packages allow.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"constraint-dependencies = \[\n.*?\]\n", re.DOTALL)


def main() -> None:
    """Replace the block of pins in the root's pyproject.toml."""
    uv = os.environ.get("UV", "uv")
    file = ROOT / "pyproject.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(BLOCK.sub("constraint-dependencies = [\n]\n", text), encoding="utf-8")
    try:
        subprocess.run([uv, "lock", "--quiet", "--upgrade"], cwd=ROOT, check=True)
        export = [uv, "export", "--quiet", "--no-hashes", "--no-emit-workspace", "--no-annotate", "--no-header"]
        export += ["--all-packages", "--all-extras", "--all-groups"]
        found = subprocess.run(export, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    except subprocess.CalledProcessError:
        file.write_text(text, encoding="utf-8")
        raise
    pins = sorted({_pin(line) for line in found if "==" in line})
    block = "constraint-dependencies = [\n" + "".join(f'  "{pin}",\n' for pin in pins) + "]\n"
    file.write_text(BLOCK.sub(lambda _: block, text), encoding="utf-8")


def _pin(line: str) -> str:
    """A pin keeps a marker only where it says which of two versions is meant: that of the Python version."""
    requirement, _, marker = (part.strip() for part in line.partition(";"))
    keep = re.fullmatch(r"python_full_version (<|>=) '[\d.]+'", marker)
    return f"{requirement} ; {marker}" if keep else requirement


if __name__ == "__main__":
    main()
