"""What a build makes: an `__init__` that loads lazily beside an eager one, and the npm twin beside the wheel."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .measure import ROOT, environment, rounds
from .table import Row

MODULES = 40
LIMIT_MS = 5.0
_MODULE = '''
"""Orders, part {0}."""
from __future__ import annotations
import dataclasses, enum, json, re

@dataclasses.dataclass
class Order{0}:
    id: str
    price: float = 0.0
    tags: list[str] = dataclasses.field(default_factory=list)

class Kind{0}(enum.Enum):
    small = 1
    large = 2

PATTERN = re.compile(r"[a-z]+-[0-9]+{0}")

def find{0}(text: str) -> Order{0}:
    """Read one."""
    return Order{0}(**json.loads(text))
'''


def measure(count: int) -> list[Row]:
    return [*_lazy(count), _twin()]


def _lazy(count: int) -> list[Row]:
    from lev_os.core.packaging import Package, lazy_init

    with tempfile.TemporaryDirectory() as folder:
        for name in ("eager", "lazy"):
            root = Path(folder, name, "orders")
            root.mkdir(parents=True)
            (root / "lev.toml").write_text("format = 1\n")
            for number in range(MODULES):
                (root / f"part{number}.py").write_text(_MODULE.format(number))
            lines = [f"from .part{n} import Order{n}, Kind{n}, find{n}\n" for n in range(MODULES)]
            (root / "__init__.py").write_text("".join(lines) if name == "eager" else "")
        path, text = lazy_init(Package("orders", Path(folder, "lazy", "orders")), "orders")
        path.write_text(text)

        def several(code: str, name: str) -> float:
            """Of ten processes, each of which times the import alone."""
            timed = f"import time; begun = time.process_time(); {code}; print(time.process_time() - begun)"
            command = (sys.executable, "-c", timed)
            return sum(float(said(command, Path(folder, name))) for _ in range(10)) / 10 * 1000

        found = rounds(
            {
                "lazy": lambda: several("import orders", "lazy"),
                "eager": lambda: several("import orders", "eager"),
                "lazy, one": lambda: several("from orders import find7", "lazy"),
                "eager, one": lambda: several("from orders import find7", "eager"),
            },
            count,
        )
    what, peer = f"import a generated __init__, {MODULES} modules", "eager __init__"
    rows = []
    for key, more, limit in (("", "", LIMIT_MS), (", one", ", and one name of it", None)):
        lazy, eager = found[f"lazy{key}"], found[f"eager{key}"]
        target = "" if limit is None else f"<= {limit:.0f} CPU ms"
        met = None if limit is None else lazy <= limit
        rows.append(Row(what + more, lazy, "CPU ms", peer, eager, eager / lazy, target, met))
    return rows


def said(command: Sequence[str], cwd: Path) -> str:
    """What a command that succeeds prints."""
    return subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, check=True).stdout


def _twin() -> Row:
    """The packed size of the example's twin and of its wheel; both carry the same texts."""
    from lev_os.core import load_package
    from lev_os.export.build.distributions import make_distributions
    from lev_os.export.target import target_named

    twin = io.BytesIO()
    with tarfile.open(fileobj=twin, mode="w:gz") as archive:
        for path, data in target_named("npm").render([load_package("acme_support")]).files.items():
            info = tarfile.TarInfo(f"package/{path}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    with tempfile.TemporaryDirectory() as folder:
        made = make_distributions(ROOT / "examples" / "acme_support", sys.executable, Path(folder))
    wheel = next(len(data) for name, data in made.items() if name.endswith(".whl"))
    size = len(twin.getvalue())
    return Row("npm twin of the example, packed", size / 1000, "kB", "its wheel", wheel / 1000, wheel / size)
