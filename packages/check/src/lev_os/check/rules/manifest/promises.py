"""What else a manifest names: its constitution, and what makes its tools' dependencies."""

from __future__ import annotations

from collections.abc import Iterator

from ...manifests.targets import Written, manifest_of, missing
from ...project import PackageSubject
from ...rule import Finding, rule
from ._package import manifest, sound


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
