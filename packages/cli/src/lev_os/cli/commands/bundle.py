"""`lev bundle`."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import FINDINGS, FINE, UsageProblem
from ..options import Specifier, json_option, python_option
from ..output import note, print_json

if TYPE_CHECKING:
    from lev_os.core.llm_runtime.embedding import Embedder
    from lev_os.export import Bundle
    from lev_os.export.bundling import Format
    from lev_os.export.bundling.sources import Source

_FORMATS = ("md", "xml", "json")


@click.command("bundle")
@click.argument("specs", nargs=-1, type=Specifier(), metavar="[SPECIFIER | PACKAGE | FOLDER]...")
@click.option("--budget", type=int, metavar="N", help="At most this many tokens (o200k), counted exactly.")
@click.option("--for", "task", metavar="TASK", help="What the model is to do; without it, priorities decide.")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="md", show_default=True)
@click.option("--words", is_flag=True, help="Rank by words alone, also where an embedder is installed.")
@click.option("--receipt", type=click.Path(dir_okay=False, path_type=Path), help="Write what is in, cut and out there.")
@click.option("--lock", is_flag=True, help="Write what a model will see to lev.lock.")
@click.option("--frozen", is_flag=True, help="Make the bundle of lev.lock again; exit with 1 if it has changed.")
@python_option
@json_option
def command(
    specs: tuple[str, ...],
    budget: int | None,
    task: str | None,
    form: Format,
    words: bool,
    receipt: Path | None,
    lock: bool,
    frozen: bool,
    python: str | None,
    as_json: bool,
) -> int:
    """Print the contexts that matter most for a task, in at most N tokens.

    Of packages (all that are installed, if none is named) and of folders of Markdown and text. What a named package
    offers `llm-first` is always in it, with what that requires.

    \b
    Examples:
      lev bundle acme_support --budget 2000 --for "a customer was charged twice"
      lev bundle ./docs --budget 8000 --for "rotate keys" --receipt receipt.json
      lev bundle acme_support --budget 2000 --lock
      lev bundle --frozen
    """
    if frozen and lock:
        raise UsageProblem("--lock writes what --frozen holds to", help="give one of them")
    _check(task, receipt)
    gc.disable()  # a bundle leaves next to no cycles, and there are many texts to look for them in
    if frozen:
        made, changes = _again(specs, budget, task, form, python)
    else:
        if budget is None:
            raise UsageProblem("--budget is missing", help="4000 to 16000 tokens is usual: --budget 8000")
        made, changes = _made(specs, budget, task, form, words, python), []
    if lock:
        from lev_os.core.packaging.lock import lock_of
        from lev_os.export.bundling.locking import write_bundle

        write_bundle(lock_of(Path.cwd()), made, specs, task)
    if receipt is not None:
        import msgspec
        from lev_os.core.writing import replace

        replace(receipt, msgspec.json.format(msgspec.json.encode(made.receipt())) + b"\n")
    if as_json:
        shown: dict[str, Any] = made.receipt() | {"format": form, "text": made.text}
        print_json(shown | ({"changes": changes} if frozen else {}))
    elif not changes:
        click.echo(made.text, nl=False)
    for change in changes:
        note(f"changed: {change}")
    if changes:
        note("    help: look at the changes, then write the lock anew with `lev bundle … --lock`")
    return FINDINGS if changes else FINE


def _check(task: str | None, receipt: Path | None) -> None:
    """What would otherwise fail when the work is done, and the lock written."""
    if any("\ud800" <= letter <= "\udfff" for letter in task or ""):  # what is no text in the terminal's encoding
        raise UsageProblem("--for is not UTF-8", help="write the task in the encoding of your terminal")
    if receipt is not None and not receipt.parent.is_dir():
        raise UsageProblem(f"--receipt: there is no folder {receipt.parent}", help="make it first")


def _made(
    specs: tuple[str, ...], budget: int, task: str | None, form: Format, words: bool, python: str | None
) -> Bundle:
    embedder = None if words or not (task or "").strip() else _embedder()
    if specs and all(_is_folder(spec) for spec in specs):
        from lev_os.export.bundling.remembered import bundle_folders

        return bundle_folders(specs, budget=budget, task=task, form=form, embedder=embedder)
    from lev_os.export import bundle

    sources = [_source(spec, python) for spec in specs]
    installed = None if specs else _installed(python)
    opened = None if embedder is None else _open(embedder)
    return bundle(*sources, budget=budget, task=task, form=form, embedder=opened, installed=installed)


def _is_folder(spec: str) -> bool:
    """Whether a path is meant that holds no package."""
    written_as_path = "/" in spec.removeprefix("lev://") or spec in {".", ".."}
    return written_as_path and os.path.exists(spec) and not os.path.exists(os.path.join(spec, "lev.toml"))


def _again(
    specs: tuple[str, ...], budget: int | None, task: str | None, form: Format, python: str | None
) -> tuple[Bundle, list[str]]:
    from lev_os.core.packaging.lock import lock_of
    from lev_os.export.bundling.locking import frozen, read_bundle

    locked = read_bundle(lock_of(Path.cwd()), form)
    given = {"sources": specs or None, "budget": budget, "task": task}
    for name, value in given.items():
        if value is not None and value != (was := getattr(locked, name)):
            shown = " ".join(was) if isinstance(was, tuple) else was
            raise UsageProblem(f"the lock is of another bundle: its {name}: {shown}", help="leave it out, or --lock")
    sources = [_source(spec, python) for spec in locked.sources]
    return frozen(locked, sources, None if sources else _installed(python))


def _installed(python: str | None) -> tuple[Any, ...]:
    from ..catalog import discovery, make_importable

    make_importable(python)
    return discovery(python).packages


def _source(spec: str, python: str | None) -> Source:
    """A path that is there, else what a specifier or the name of a package stands for."""
    from ..catalog import locate, unknown_package

    path = Path(spec)
    plain = "/" not in spec.removeprefix("lev://") and spec not in {".", ".."}
    if not plain and path.exists():
        return path
    from lev_os.core.packaging import PackageNotFound

    try:
        package, subpath = locate(spec, python)
    except PackageNotFound:
        if path.exists():
            return path
        if plain:
            raise unknown_package(spec, python) from None
        raise
    return package if plain else package.export(subpath)


def _embedder() -> str | None:
    from lev_os.core.llm_runtime.embedding import chosen_embedder

    return chosen_embedder()


def _open(name: str) -> Embedder:
    from lev_os.core.llm_runtime.embedding import open_embedder

    return open_embedder(name)
