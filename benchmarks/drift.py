"""API drift: 100 contexts about Pydantic AI, looked up in the installed package, by whole processes of `lev check`.

The contexts are those that Pydantic AI's own wheel carries for agents, repeated up to a hundred. Cold, no summary of
any module is there; warm, nothing has changed; then one context has. All must find the one name that is planted.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path

from .measure import CannotMeasure, child_cpu, rounds
from .table import Row

CONTEXTS = 100
COLD, WARM = 3.0, 0.3
_PLANTED = "\n```python\nfrom pydantic_ai import Agent\n\nAgent('test').run_synk('Hello')\n```\n"


def measure(count: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        project, out = Path(folder) / "project", Path(folder) / "out.json"
        files = _contexts(project)

        def check(cache: str) -> float:
            command = [
                "env",
                f"LEV_CACHE_DIR={Path(folder) / cache}",
                str(Path(sys.executable).parent / "lev"),
                "check",
            ]
            options = ["--select", "CTX301", "--select", "CTX31", "--exit-zero", "--format", "json"]
            used = child_cpu([*command, *options], cwd=project, stdout=out)
            _expect(json.loads(out.read_text(encoding="utf-8")))
            return used

        def cold() -> float:
            shutil.rmtree(Path(folder) / "cold", ignore_errors=True)
            return check("cold")

        def unchanged() -> float:
            check("warm")  # what another measure has edited since
            return check("warm")

        def edited() -> float:
            file = files[1]
            file.write_text(file.read_text(encoding="utf-8") + "One line more.\n", encoding="utf-8")
            return check("edited")

        found = rounds({"cold": cold, "nothing changed": unchanged, "one edited": edited}, count)
    targets = {"cold": COLD, "nothing changed": WARM, "one edited": WARM}
    return [
        Row(
            f"drift, {CONTEXTS} contexts on Pydantic AI, {name}", figure, "CPU s",
            target=f"<= {targets[name]} s", met=figure <= targets[name],
        )
        for name, figure in found.items()
    ]  # fmt: skip


def _contexts(project: Path) -> list[Path]:
    """Files with Python in them, the first with a name that is not there."""
    spec = find_spec("pydantic_ai")
    if spec is None or spec.origin is None:
        raise CannotMeasure("Pydantic AI is not installed")
    root = Path(spec.origin).parent / ".agents"
    texts = [text for file in sorted(root.rglob("*.md")) if "```python" in (text := file.read_text(encoding="utf-8"))]
    if not texts:
        raise CannotMeasure("this Pydantic AI carries no contexts")
    files = []
    for number, text in enumerate(islice(cycle(texts), CONTEXTS)):
        file = project / "skills" / f"part-{number}" / "SKILL.md"
        file.parent.mkdir(parents=True)
        file.write_text(f"{text}\nContext {number}.\n{_PLANTED if number == 0 else ''}", encoding="utf-8")
        files.append(file)
    return files


def _expect(report: dict[str, list[dict[str, object]]]) -> None:
    errors = [item["message"] for item in report["diagnostics"] if item["severity"] == "error"]
    if len(errors) != 1 or "run_synk" not in str(errors[0]):
        raise CannotMeasure(f"the planted name was to be found and nothing else: {errors}")
