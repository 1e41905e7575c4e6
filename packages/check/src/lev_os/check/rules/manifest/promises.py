"""What a manifest promises besides exports: budgets, the objects it names, and being found."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from lev_os.core.errors import LevError
from lev_os.core.packaging import Export

from ...manifests.targets import Manifest, Written, files_below, manifest_of, missing
from ...manifests.wheels import left_out, project_of
from ...project import PackageSubject
from ...rule import Finding, rule
from ._package import added, manifest, sound

_GROUP = "lev_os.packages"
_LONG = "word " * 50 + "\n"
_PYPROJECT = '[project]\nname = "acme"\nversion = "1"\n\n[build-system]\nrequires = ["{0}"]\nbuild-backend = "{1}"\n'
_ENTRY = '\n[project.entry-points."lev_os.packages"]\nacme = "acme"\n'


@rule(
    "MAN511",
    "context-over-budget",
    summary="A context has more tokens than the package's budget for one.",
    on="package",
    severity="error",
    why="What a model is given displaces something else; the budget is the author's own promise.",
    mend="Shorten it, split it into two that link to each other, or raise `context` under `[budget]`.",
    bad=manifest("[exports]", "[budget]\ncontext = 40\n\n[exports]", "context = ", {"acme/contexts/long.md": _LONG}),
    good=manifest("[exports]", "[budget]\ncontext = 90\n\n[exports]", files={"acme/contexts/long.md": _LONG}),
)
def context_over_budget(subject: PackageSubject) -> Iterator[Finding]:
    """The text of each context as a model gets it, in o200k tokens."""
    found, budget = _budgeted(subject, "context")
    if found is None or budget is None:
        return
    for export in subject.exports:
        if export.kind in ("context", "personality") and (tokens := _tokens(export, budget)) > budget:
            message = f"`{export.subpath}` has {tokens:,} tokens, of at most {budget:,}"
            yield found.finding(message, "budget", "context")


@rule(
    "MAN512",
    "bundle-over-budget",
    summary="What is loaded up front has more tokens than the package's budget for it.",
    on="package",
    severity="error",
    why="Everything under `llm-first` is read before the first question, each time.",
    mend="Offer more of it under `llm`, on request, or raise `bundle` under `[budget]`.",
    bad=manifest(
        "[exports]",
        '[budget]\nbundle = 40\n\n[exports]\n"." = { llm-first = "./contexts/long.md" }',
        "bundle = ",
        {"acme/contexts/long.md": _LONG},
    ),
    good=manifest("[exports]", "[budget]\nbundle = 40\n\n[exports]", files={"acme/contexts/long.md": _LONG}),
)
def bundle_over_budget(subject: PackageSubject) -> Iterator[Finding]:
    """The files that exports name under `llm-first`, each once."""
    found, budget = _budgeted(subject, "bundle")
    if found is None or budget is None:
        return
    keys = {target.key for target in found.targets() if "llm-first" in target.conditions}
    parts: dict[str, int] = {}
    for export in subject.exports:
        if export.subpath in keys or any(_falls(export.subpath, key) for key in keys):
            path = export.package.target(export.subpath, "llm-first").path
            parts[str(path)] = _tokens(export, 0, "llm-first")
    if sum(parts.values()) > budget:
        message = f"what `llm-first` loads has {sum(parts.values()):,} tokens, of at most {budget:,}"
        yield found.finding(message, "budget", "bundle")


@rule(
    "MAN513",
    "wheel-over-budget",
    summary="The package's files are larger than its budget for the wheel.",
    on="package",
    severity="warning",
    confidence="medium",
    why="Everybody who installs the package downloads it.",
    mend="Leave out what need not travel, or raise `wheel-kb` under `[budget]`. Only the built wheel tells exactly.",
    bad=manifest("[exports]", "[budget]\nwheel-kb = 0\n\n[exports]", "wheel-kb"),
    good=manifest("[exports]", "[budget]\nwheel-kb = 10\n\n[exports]"),
)
def wheel_over_budget(subject: PackageSubject) -> Iterator[Finding]:
    """The files of the package, compressed as a wheel's are, without its metadata."""
    found, budget = _budgeted(subject, "wheel-kb")
    if found is None or budget is None:
        return
    sizes = [(path, path.stat().st_size) for path in files_below(found.root, ".")]
    if sum(size for _, size in sizes) <= budget * 1000:
        return
    size = sum(len(zlib.compress(path.read_bytes(), 6)) for path, size in sizes if size < 50_000_000)
    if size > budget * 1000:
        message = f"the package's files come to about {size // 1000:,} kB compressed, of at most {budget:,}"
        yield found.finding(message, "budget", "wheel-kb")


@rule(
    "MAN521",
    "constitution-missing",
    summary="The constitution that the manifest names is not there.",
    on="package",
    severity="error",
    why="Nothing of the package can run: no value is held to be better than the ones that were meant.",
    mend="Write the file, or correct the path. Without `constitution` the baseline holds.",
    bad=manifest("[exports]", 'constitution = "./values.yaml"\n\n[exports]'.replace("\n\n", "\n"), "constitution"),
    good=sound(),
)
def constitution_missing(subject: PackageSubject) -> Iterator[Finding]:
    """The file that `constitution` names."""
    found = manifest_of(subject)
    written = subject.package.manifest.constitution if found is not None else None
    if found is not None and written is not None and not (found.root / written).is_file():
        yield found.finding(f"there is no file `{written}`", "constitution")


@rule(
    "MAN522",
    "deps-missing",
    summary="The function that `deps` names is not there.",
    on="package",
    severity="error",
    why="Every run from the command line would fail before its first step.",
    mend="Correct the reference, or write the function.",
    bad=manifest("[exports]", 'deps = "acme.deps:make"\n[exports]', "deps"),
    good=manifest("[exports]", 'deps = "acme.deps:make"\n[exports]', files={"acme/deps.py": "def make(): ...\n"}),
)
def deps_missing(subject: PackageSubject) -> Iterator[Finding]:
    """The module and the name; references into other packages are theirs to keep."""
    found = manifest_of(subject)
    written = subject.package.manifest.deps if found is not None else None
    if (
        found is None
        or written is None
        or written.partition(":")[0].partition(".")[0] != subject.package.name.partition(".")[0]
    ):
        return
    if (why := missing(found, Written("deps", (), written, ("deps",)))) is not None:
        yield found.finding(f"`{written}` cannot be imported: {why}", "deps")


@rule(
    "MAN523",
    "not-announced",
    summary="The project does not announce its package, so nobody who installs it will find it.",
    on="package",
    severity="warning",
    why="Installed packages are found by the entry point `lev_os.packages`, without importing anything.",
    mend='Add `[project.entry-points."lev_os.packages"]` with the import name to `pyproject.toml`.',
    bad=added({"pyproject.toml": _PYPROJECT.format("hatchling", "hatchling.build")}, "acme/lev.toml", "format"),
    good=added({"pyproject.toml": _PYPROJECT.format("hatchling", "hatchling.build") + _ENTRY}),
)
def not_announced(subject: PackageSubject) -> Iterator[Finding]:
    """The entry points in the `pyproject.toml` around the package; nothing is said when they are made elsewhere."""
    project = project_of(subject.package.root)
    table = project.data.get("project", {}) if project is not None else {}
    if not isinstance(table, dict) or not table.get("name") or "entry-points" in table.get("dynamic", ()):
        return
    points = table.get("entry-points", {}).get(_GROUP, {})
    if subject.package.name not in [*points, *(str(value).partition(":")[0] for value in points.values())]:
        name = subject.package.name
        key = name if name.isidentifier() else f'"{name}"'
        yield Finding(
            subject.manifest.span_at(1, 1),
            f"`pyproject.toml` does not announce `{name}`",
            f'add [project.entry-points."{_GROUP}"] with {key} = "{name}"',
        )


@rule(
    "MAN524",
    "left-out-of-wheel",
    summary="The project's build leaves exported files out of the wheel.",
    on="package",
    severity="error",
    confidence="medium",
    why="It works from the source tree and fails for everybody who installs it.",
    mend="Include the package's `.toml`, `.md` and `.yaml` files in the build backend's settings.",
    source="https://setuptools.pypa.io/en/latest/userguide/datafiles.html",
    verified="2026-11-22",
    bad=added(
        {"pyproject.toml": _PYPROJECT.format("setuptools", "setuptools.build_meta") + _ENTRY}, "acme/lev.toml", "format"
    ),
    good=added({"pyproject.toml": _PYPROJECT.format("uv_build", "uv_build") + _ENTRY}),
)
def left_out_of_wheel(subject: PackageSubject) -> Iterator[Finding]:
    """What setuptools, uv and hatch are told to take, as far as that can be read; other backends are not judged."""
    project = project_of(subject.package.root)
    if project is None or manifest_of(subject) is None:
        return
    paths = [subject.manifest.path, *sorted(path for path in subject.files if path != subject.manifest.path)]
    out = [path for path in paths if path.is_relative_to(subject.package.root) and left_out(project, path)]
    if out:
        names = ", ".join(f"`{path.relative_to(subject.package.root).as_posix()}`" for path in out[:3])
        more = f" and {len(out) - 3} more" if len(out) > 3 else ""
        yield Finding(
            subject.manifest.span_at(1, 1), f"{project.backend} leaves {names}{more} out of the wheel",
            'for setuptools: [tool.setuptools.package-data] with "*" = ["*.toml", "**/*.md", "**/*.yaml"]',
        )  # fmt: skip


def _budgeted(subject: PackageSubject, key: str) -> tuple[Manifest | None, int | None]:
    found = manifest_of(subject)
    return found, None if found is None else getattr(subject.package.manifest.budget, key.replace("-", "_"))


def _tokens(export: Export, budget: int, condition: str = "llm") -> int:
    """The tokens of an export's text; a text of fewer bytes than the budget has tokens is not counted."""
    try:
        path = export.package.target(export.subpath, condition).path
        if path is None or path.stat().st_size <= budget:
            return 0
        return int(export.for_llm(conditions=condition)["tokens"])
    except (LevError, OSError):
        return 0


def _falls(subpath: str, key: str) -> bool:
    head, star, tail = key.partition("*")
    return bool(star) and subpath.startswith(head) and subpath.endswith(tail)
