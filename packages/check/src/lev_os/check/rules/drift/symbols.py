"""Names in documents that the installed packages do not have."""

from __future__ import annotations

from collections.abc import Iterator

from ...drift import findings
from ...project import Project
from ...rule import Example, Finding, rule

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
    return findings(project, "CTX301")


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
    return findings(project, "CTX311")


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
    return findings(project, "CTX312")


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
    return findings(project, "CTX314")
