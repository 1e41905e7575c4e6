"""One `lev export`: which packages, what of them, where to, and what is said about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .errors import FINDINGS, FINE
from .output import columns, note, print_json, print_line
from .project import project_root, source_paths

if TYPE_CHECKING:
    from lev_os.core import Package
    from lev_os.export.target import Lost, Rendered
    from lev_os.export.writing import Plan

_SIGNS = {"create": ("+", "green"), "update": ("~", "yellow"), "remove": ("-", "red"), "keep": ("=", "yellow")}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line said."""

    targets: tuple[str, ...]
    out: Path | None
    packages: tuple[str, ...]
    in_package: bool
    check: bool
    dry_run: bool
    force: bool
    python: str | None
    as_json: bool


def list_targets(*, as_json: bool) -> int:
    """Names and what they write."""
    from lev_os.export.target import TARGETS, target_named

    rows = [(name, target_named(name).description) for name in TARGETS]
    if as_json:
        print_json([{"name": name, "description": description} for name, description in rows])
        return FINE
    for line in columns(rows):
        print_line(line)
    return FINE


def run(wish: Wish) -> int:
    """Carry it out; the exit code."""
    plans = []
    lost: dict[tuple[str, Lost], None] = {}
    places = list(_places(wish))
    if len(places) > 1:
        _permitted(places, wish)
    for base, wanted in places:
        plans.append(_carry_out(base, wanted, wish))
        lost |= dict.fromkeys((name, item) for name, rendered in wanted.items() for item in rendered.lost)
    changed = any(plan.operations for plan in plans)
    if wish.as_json:
        print_json(_as_json(plans, list(lost), wish))
    else:
        _print(plans, list(lost), wish)
    return FINDINGS if wish.check and changed else FINE


def chosen(names: Sequence[str], python: str | None) -> list[Package]:
    """The packages of these names; without any, those of the project itself, or all where it has none of its own."""
    from lev_os.core import load_package

    from .catalog import discovery, unknown_package

    found = {package.name: package for package in discovery(python).packages}
    if names:
        packages = []
        for name in dict.fromkeys(names):
            if name not in found and not Path(name).exists():
                raise unknown_package(name, python)
            packages.append(found[name] if name in found else load_package(Path(name)))
    else:
        root = project_root().resolve()
        own = [package for package in found.values() if source_paths() and _is_own(package, root)]
        packages = own or [package for package in found.values() if package.error is None]
        for package in found.values():
            if not own and package.error is not None:
                note(f"{click.style('left out', fg='yellow')}: {package.name}: {package.error}")
    for package in packages:
        package.manifest  # noqa: B018  # raises what is wrong with it
    return packages


def _is_own(package: Package, root: Path) -> bool:
    """Whether it lies in the project, and is not installed there."""
    return package.root.resolve().is_relative_to(root) and "site-packages" not in package.root.parts


def _places(wish: Wish) -> Iterator[tuple[Path, dict[str, Rendered]]]:
    """Each folder to write to, and what the targets want there."""
    from lev_os.export.target import target_named

    packages = chosen(wish.packages, wish.python)
    if wish.in_package:
        from lev_os.export.targets.skills import IN_PACKAGE

        for package in packages:
            yield package.root, {IN_PACKAGE.name: IN_PACKAGE.render([package])}
        return
    targets = [target_named(name) for name in wish.targets]
    places: dict[Path, dict[str, Rendered]] = {}
    for target in targets:
        base = wish.out or project_root()
        if wish.out is None and target.apart and len(packages) > 1:  # beside the sources, a folder may be a package's
            base = base / "dist" / target.name
        rendered = target.render(packages)
        _refuse_sources(base, rendered, packages)
        places.setdefault(base, {})[target.name] = rendered
    yield from places.items()


def _refuse_sources(base: Path, rendered: Rendered, packages: Sequence[Package]) -> None:
    """Raise `LevError` when files would lie in the folder that a package is imported from."""
    from lev_os.core.errors import LevError

    out, top = base.resolve(), project_root().resolve()
    for package in packages:
        root = package.root.resolve()
        if out.is_relative_to(root):
            refused = out != top  # the project may be one package all over, with its manifest at the top
        elif root.is_relative_to(out):
            refused = any(path.startswith(f"{root.relative_to(out).as_posix()}/") for path in rendered.files)
        else:
            refused = False
        if refused:
            where = base if out.is_relative_to(root) else base / root.relative_to(out)
            raise LevError(
                f"files would lie in {where}, where {package.name} is imported from",
                help="name another folder with --out, such as --out dist/export",
            )


def _permitted(places: Sequence[tuple[Path, dict[str, Rendered]]], wish: Wish) -> None:
    """Raise what stands in the way of any of the folders, before one of them is written."""
    from lev_os.export.writing import permitted

    if not (wish.check or wish.dry_run):
        for base, wanted in places:
            permitted(base, wanted, force=wish.force)


def _carry_out(base: Path, wanted: dict[str, Rendered], wish: Wish) -> Plan:
    from lev_os.export.writing import interrupted, plan, write

    if not (wish.check or wish.dry_run):
        return write(base, wanted, force=wish.force)
    if interrupted(base):
        note(f"an earlier export into {base} was interrupted; the next one that writes puts its files back first")
    return plan(base, wanted)


def _as_json(plans: Sequence[Plan], lost: Sequence[tuple[str, Lost]], wish: Wish) -> dict[str, object]:
    changes = [(plan, change) for plan in plans for change in plan.changes]

    def named(*actions: str) -> list[str]:
        return [_shown(plan, change.path, plans) for plan, change in changes if change.action in actions]

    return {
        "out": [str(plan.base) for plan in plans] if wish.in_package or len(plans) > 1 else str(plans[0].base),
        "targets": list(wish.targets),
        "written": not (wish.check or wish.dry_run),
        "files": named("create", "update"),
        "removed": named("remove"),
        "kept": named("keep"),
        "unchanged": [_shown(plan, path, plans) for plan in plans for path in plan.same],
        "conflicts": [_shown(plan, path, plans) for plan in plans for path, _ in plan.conflicts],
        "lost": [{"target": name, "specifier": item.specifier, "what": item.what} for name, item in lost],
    }


def _shown(plan: Plan, path: str, plans: Sequence[Plan]) -> str:
    return path if len(plans) == 1 else str(plan.base / path)


def _print(plans: Sequence[Plan], lost: Sequence[tuple[str, Lost]], wish: Wish) -> None:
    for plan in plans:
        for change in plan.changes:
            sign, colour = _SIGNS[change.action]
            print_line(f"{click.style(sign, fg=colour)} {_shown(plan, change.path, plans)}")
        for path, why in plan.conflicts:
            if not wish.force:
                note(f"{_shown(plan, path, plans)} {why}: it would need --force")
    for name, item in lost:
        note(f"{click.style(f'not expressed by {name}', fg='yellow')}: {item.specifier}: {item.what}")
    same = sum(len(plan.same) for plan in plans)
    count = sum(len(plan.changes) for plan in plans)
    where = ", ".join(str(plan.base) for plan in plans)
    verb = "would change" if wish.check or wish.dry_run else "changed"
    note(f"{count} file{'' if count == 1 else 's'} {verb}, {same} as they were, in {where}")
