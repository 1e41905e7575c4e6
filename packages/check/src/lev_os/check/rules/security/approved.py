"""Contexts of dependencies that nobody has approved, or that have changed since."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from lev_os.core.errors import InvalidInput
from lev_os.core.packaging.lock import lock_of

from ...approvals import foreign_contexts, needed, read_lock
from ...files import File
from ...project import Project
from ...reading import Unreadable
from ...rule import Example, Finding, rule
from .hidden import VERIFIED

_SITE = ".venv/lib/python3.11/site-packages"
DIGEST = "sha256:f32bf5e09516390e83144b4a66afea2f104e1b229bc809baed4f8efb0f3a1d39"
PROJECT = {
    "pyproject.toml": "[project]\nname = 'mine'\n",
    ".venv/pyvenv.cfg": "home = /usr/bin\n",
    f"{_SITE}/acme-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n",
    f"{_SITE}/acme-1.0.dist-info/RECORD": "acme/__init__.py,,\nacme/lev.toml,,\nacme/contexts/tone.md,,\n",
    f"{_SITE}/acme-1.0.dist-info/entry_points.txt": "[lev_os.packages]\nacme = acme\n",
    f"{_SITE}/acme/__init__.py": "",
    f"{_SITE}/acme/lev.toml": 'format = 1\n[exports]\n"./contexts/*" = { llm = "./contexts/*.md" }\n',
    f"{_SITE}/acme/contexts/tone.md": "Be kind.\n",
    "mine/__init__.py": "",
    "mine/lev.toml": 'format = 1\n[exports]\n"./flows/*" = { llm = "./flows/*.yaml" }\n',
    "mine/flows/reply.yaml": "flowmind: 1\nname: reply\ninput: {text: string}\ncontext: [acme/contexts/tone]\nsteps:\n"
    "  - id: draft\n    ask: Answer.\n    returns: {text: string}\n",
}
_AT = ("mine/flows/reply.yaml", 4, 11)


def _lock(digest: str) -> dict[str, str]:
    return {"lev.lock": f'[approved]\n"acme/contexts/tone" = "{digest}"\n'}


@rule(
    "SEC501",
    "context-changed",
    summary="A context of a dependency is not the one that was approved.",
    on="project",
    severity="error",
    why="A release of a dependency can change what a model is told, and nobody reviews it with the code. `lev.lock` "
    "holds the digest of the text that a person has read.",
    mend="Read the context, then run `lev approve` with its specifier.",
    verified=VERIFIED,
    bad=Example({**PROJECT, **_lock("sha256:" + "0" * 64)}, _AT),
    good=Example({**PROJECT, **_lock(DIGEST)}),
)
def context_changed(project: Project) -> Iterator[Finding]:
    """Approved contexts with another digest."""
    for item in needed(project):
        if item.approved is not None and item.approved != item.digest:
            message = f"`{item.specifier}` has changed since it was approved"
            help_ = f"read it (`lev show {item.specifier}`), then `lev approve {item.specifier}`"
            yield Finding(item.span, message, help_, file=item.file.where)


@rule(
    "SEC502",
    "context-not-approved",
    summary="A context of a dependency is loaded that nobody has approved.",
    on="project",
    severity="info",
    why="Whoever releases the dependency decides what the model is told. In a project that approves contexts (it has a "
    "`lev.lock` with `[approved]`) this is a warning.",
    mend="Read the context, then run `lev approve` with its specifier.",
    verified=VERIFIED,
    bad=Example(PROJECT, _AT),
    good=Example({**PROJECT, **_lock(DIGEST)}),
)
def context_not_approved(project: Project) -> Iterator[Finding]:
    """Contexts without an approval."""
    for item in needed(project):
        if item.approved is None:
            message = f"nobody has approved `{item.specifier}`"
            help_ = f"read it (`lev show {item.specifier}`), then `lev approve {item.specifier}`"
            adopted = bool(read_lock(lock_of(project.root)))
            yield Finding(item.span, message, help_, file=item.file.where, severity="warning" if adopted else None)


@rule(
    "SEC503",
    "lock-unusable",
    summary="lev.lock cannot be read, or holds approvals of another form.",
    on="project",
    severity="error",
    why="Without it nothing counts as approved, so nothing that changed would be seen.",
    mend="Restore the file from version control, or delete it and approve again.",
    verified=VERIFIED,
    bad=Example({**PROJECT, "lev.lock": "[approved\n"}, ("lev.lock", 1, 10)),
    good=Example({**PROJECT, **_lock(DIGEST)}),
)
def lock_unusable(project: Project) -> Iterator[Finding]:
    """A lock that is no TOML or maps no specifiers to digests, if something is named that it could approve; one that
    is no text has no places, so it is told where that is named."""
    named = next(((file, found[0]) for file, found in project.facts(foreign_contexts) if found), None)
    if named is None:
        return
    lock = lock_of(project.root)
    try:
        read_lock(lock)
    except InvalidInput as error:
        problem = error.problems[0]
        file, first = named
        span = first.start, first.end
        with suppress(Unreadable):
            written = File(str(lock), lock.name, "other")
            span, file = written.span_at(problem.at.line or 1, problem.at.column or 1), written
        yield Finding(span, problem.message, problem.help, file=file.where)
