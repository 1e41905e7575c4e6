"""What a project makes of its package: whether it announces it, and what goes into its wheel."""

from __future__ import annotations

from collections.abc import Iterator

from ...manifests.building import current_wheel, own_files, project_around
from ...manifests.targets import manifest_of
from ...manifests.wheels import is_plugin, left_out, relying_on, way_in
from ...project import PackageSubject
from ...rule import Finding, rule
from ._package import added

_GROUP = "lev_os.packages"
_PYPROJECT = '[project]\nname = "acme"\nversion = "1"\n\n[build-system]\nrequires = ["{0}"]\nbuild-backend = "{1}"\n'
_PLUGIN = {
    "pyproject.toml": '[tool.uv.workspace]\nmembers = ["acme", "core"]\n',
    "acme/pyproject.toml": '[project]\nname = "acme"\n\n[project.entry-points]\n"lev_os.packages" = {acme = "acme"}\n'
    '"lev_os.check.rules" = {acme = "acme.rules"}\n',
}
_ENTRY = '\n[project.entry-points."lev_os.packages"]\nacme = "acme"\n'


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
    project = project_around(subject)
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
    bad=(
        added(
            {"pyproject.toml": _PYPROJECT.format("setuptools", "setuptools.build_meta") + _ENTRY},
            "acme/lev.toml",
            "format",
        ),
        added(
            {
                "pyproject.toml": _PYPROJECT.format("hatchling", "hatchling.build")
                + _ENTRY
                + '\n[tool.hatch.build]\nexclude = ["*.md"]\n'
            },
            "acme/lev.toml",
            "format",
        ),
    ),
    good=added({"pyproject.toml": _PYPROJECT.format("uv_build", "uv_build") + _ENTRY}),
)
def left_out_of_wheel(subject: PackageSubject) -> Iterator[Finding]:
    """What setuptools, uv and hatch are told to take, as far as that can be read; other backends are not judged."""
    project = project_around(subject)
    if project is None or manifest_of(subject) is None:
        return
    out = [path for path in own_files(subject) if left_out(project, path)]
    if out:
        names = ", ".join(f"`{path.relative_to(subject.package.root).as_posix()}`" for path in out[:3])
        more = f" and {len(out) - 3} more" if len(out) > 3 else ""
        yield Finding(
            subject.manifest.span_at(1, 1), f"{project.backend} leaves {names}{more} out of the wheel",
            way_in(project, out[0]),
        )  # fmt: skip


@rule(
    "MAN525",
    "missing-from-wheel",
    summary="An exported file is not in the wheel that was built.",
    on="package",
    severity="error",
    why="It works from the source tree and fails for everybody who installs it.",
    mend="Correct the build's settings, and build again. A wheel older than the sources is not looked at.",
    bad=added(
        {
            "pyproject.toml": _PYPROJECT.format("uv_build", "uv_build") + _ENTRY,
            "dist/acme-1-py3-none-any.whl": "PK\x05\x06" + "\0" * 18,
        },
        "acme/lev.toml",
        "format",
    ),
    good=added({"pyproject.toml": _PYPROJECT.format("uv_build", "uv_build") + _ENTRY}),
)
def missing_from_wheel(subject: PackageSubject) -> Iterator[Finding]:
    """The manifest and every file that its exports name, against the latest wheel in the project's `dist/`."""
    project, wheel = current_wheel(subject)
    if project is None or wheel is None:
        return
    folder = subject.package.name.replace(".", "/")
    names = [path.relative_to(subject.package.root).as_posix() for path in own_files(subject)]
    lost = [name for name in names if f"{folder}/{name}" not in wheel.names]
    if lost:
        shown = ", ".join(f"`{name}`" for name in lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
        yield Finding(subject.manifest.span_at(1, 1), f"`{wheel.path.name}` does not hold {shown}")


@rule(
    "MAN526",
    "plugin-in-disguise",
    summary="A plugin is a package in disguise: something that is no plugin cannot be installed without it.",
    on="package",
    severity="warning",
    why="A plugin is optional and found at run time. What others need is a package, imported directly and in the open.",
    mend="Drop the plugin's entry point and make it a package, or let the others do without it.",
    bad=added(
        _PLUGIN | {"core/pyproject.toml": '[project]\nname = "core"\ndependencies = ["acme>=1"]\n'},
        "acme/lev.toml",
        "format",
    ),
    good=added(_PLUGIN | {"core/pyproject.toml": '[project]\nname = "core"\n'}),
)
def plugin_in_disguise(subject: PackageSubject) -> Iterator[Finding]:
    """Entry points and dependencies of the members of a uv workspace."""
    project = project_around(subject)
    if project is None or not is_plugin(project):
        return
    needing = [str(other.data["project"].get("name")) for other in relying_on(project) if not is_plugin(other)]
    if needing:
        names = ", ".join(f"`{name}`" for name in needing)
        yield Finding(subject.manifest.span_at(1, 1), f"{names} cannot be installed without this plugin")
