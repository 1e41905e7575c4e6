"""Names in documents that the installed packages do not have."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Severity
from ...files import File
from ...project import Project
from ...rule import Example, Finding, rule
from .follow import Drift
from .looked_up import LookedUp, looked_up
from .suggestions import suggestion

_ACME = {
    "pyproject.toml": '[project]\nname = "acme"\nversion = "2.9"\n',
    "src/acme/__init__.py": (
        "from .client import Client\n\n\n"
        "def connect(url: str, *, timeout: float = 1.0) -> Client:\n    return Client(url)\n"
    ),
    "src/acme/client.py": (
        "class Events:\n    def stream(self):\n        ...\n\n\n"
        "class Client:\n    events: Events\n\n    def __init__(self, url: str) -> None:\n        self.url = url\n"
    ),
}


def _example(text: str, at: tuple[int, int] | None = None, **files: str) -> Example:
    return Example({**_ACME, **files, "AGENTS.md": text}, ("AGENTS.md", *at) if at else None)


@rule(
    "CTX301",
    "unknown-symbol",
    summary="A document names something that the installed package does not have.",
    on="project",
    severity="error",
    why="An agent writes the code that its instructions show; a name that is gone fails when that code runs.",
    mend="Use the name that the installed version has, or install the version that the text is about.",
    source="https://docs.python.org/3/reference/datamodel.html#customizing-attribute-access",
    verified="2026-11-22",
    bad=_example(
        "Run:\n\n```python\nfrom acme import Client\n\nclient = Client('x')\nclient.stream_events()\n```\n", (7, 8)
    ),
    good=_example("Run:\n\n```python\nfrom acme import Client\n\nclient = Client('x')\nclient.events.stream()\n```\n"),
)
def unknown_symbol(project: Project) -> Iterator[Finding]:
    """Attributes and imported names."""
    known = project.once(looked_up)
    for file, drift in _of(known, "attribute", "name"):
        message = f"`{drift.written}` does not exist in {_package(known, drift)}"
        severity: Severity | None = None if drift.sure else "warning"
        yield Finding(_span(drift), message, suggestion(drift, known.classes), file=str(file.path), severity=severity)


@rule(
    "CTX311",
    "unknown-module",
    summary="A document imports a module that the installed package does not have.",
    on="project",
    severity="error",
    why="The import fails, and with it everything that the document shows after it.",
    mend="Import from where the module is now. A package that is not installed is only mentioned: "
    "install it to have its names checked.",
    verified="2026-11-22",
    bad=_example("```python\nfrom acme.clients import Client\n```\n", (2, 11)),
    good=_example("```python\nfrom acme.client import Client\n```\n"),
)
def unknown_module(project: Project) -> Iterator[Finding]:
    """Modules of installed packages, and one line for each package that is not installed."""
    known = project.once(looked_up)
    absent: set[str] = set()
    for file, drift in _of(known, "module", "absent"):
        if drift.what == "module":
            message = f"`{drift.written}` does not exist in {_package(known, drift)}"
            help_ = drift.note or suggestion(drift, known.classes)
            yield Finding(_span(drift), message, help_, file=str(file.path))
        elif drift.name not in absent:
            absent.add(drift.name)
            message = f"`{drift.name}` is not installed, so what the documents say of it is not checked"
            yield Finding(_span(drift), message, None, file=str(file.path), severity="info")


@rule(
    "CTX312",
    "unknown-parameter",
    summary="A document passes a parameter that the function or class does not take.",
    on="project",
    severity="error",
    why="The call fails with a `TypeError`; a Pydantic model ignores the value, which is worse to find.",
    mend="Use the parameter's name in the installed version.",
    verified="2026-11-22",
    bad=_example("```python\nimport acme\n\nacme.connect('x', time_out=3)\n```\n", (4, 19)),
    good=_example("```python\nimport acme\n\nacme.connect('x', timeout=3)\n```\n"),
)
def unknown_parameter(project: Project) -> Iterator[Finding]:
    """Keywords of calls whose signature is known."""
    known = project.once(looked_up)
    for file, drift in _of(known, "parameter"):
        verb = "takes no parameter" if drift.sure else "ignores the parameter"
        message = f"`{drift.written}` {verb} `{drift.name}` in {_package(known, drift)}"
        severity: Severity | None = None if drift.sure else "warning"
        yield Finding(_span(drift), message, suggestion(drift, known.classes), file=str(file.path), severity=severity)


@rule(
    "CTX314",
    "deprecated-symbol",
    summary="A document names something that the installed package calls deprecated.",
    on="project",
    severity="info",
    why="It works today and goes in a later version; agents copy it into new code.",
    mend="Use what the deprecation message names.",
    source="https://peps.python.org/pep-0702/",
    verified="2026-11-22",
    bad=_example(
        "```python\nfrom acme.old import connect\n```\n",
        (2, 22),
        **{
            "src/acme/old.py": "from typing_extensions import deprecated\n\n\n"
            "@deprecated('use acme.connect')\ndef connect(): ...\n"
        },
    ),
    good=_example("```python\nfrom acme import connect\n```\n"),
)
def deprecated_symbol(project: Project) -> Iterator[Finding]:
    """PEP 702's decorator, and docstrings that begin with it."""
    known = project.once(looked_up)
    for file, drift in _of(known, "deprecated"):
        message = f"`{drift.written}` is deprecated in {_package(known, drift)}"
        yield Finding(_span(drift), message, drift.note or None, file=str(file.path))


def _of(known: LookedUp, *kinds: str) -> Iterator[tuple[File, Drift]]:
    return ((file, drift) for file, drifts in known.drifts for drift in drifts if drift.what in kinds)


def _span(drift: Drift) -> tuple[int, int]:
    return drift.at, drift.at + len(drift.name)


def _package(known: LookedUp, drift: Drift) -> str:
    """`acme 2.9 (installed)`, or the project's own package."""
    source = known.classes.types.index.finder.find(drift.module)
    place = source.path or (source.folders[0] if source.folders else "") if source else ""
    installed = known.distributions.of_module(drift.module)
    if installed is not None:
        return f"{installed.name} {installed.version} (installed)"
    top = drift.module.partition(".")[0]
    return (
        f"{top} (this project)"
        if place.startswith(known.own) and "site-packages" not in place
        else f"{top} (installed)"
    )
