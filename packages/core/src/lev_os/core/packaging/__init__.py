"""Packages that both programs and language models can import: manifests, exports, discovery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .exports import ExportNotFound, InvalidExports, InvalidSubpath, resolve_exports

if TYPE_CHECKING:
    from ._expand import check_modules
    from ._files import OutsidePackage, path_fault
    from .discovery import Discovery, discover, environment_paths
    from .export import Export, Target
    from .exposed import expose
    from .for_llm import ForLLM, PackageConfig, package_for_llm
    from .lazy_inits import lazy_init, lazy_modules
    from .loading import load_package
    from .manifest import Budget, Manifest, manifest_schema, parse_manifest
    from .package import Package, PackageNotFound
    from .specifiers import InvalidSpecifier, Resolver, find, parse_specifier, resolving
    from .stubs import Stub, stubs_of, write_stub
    from .tool_cards import TOOLS_FILE, card_of, read_card, tools_file

_HOMES = {
    "_expand": ("check_modules",),
    "_files": ("OutsidePackage", "path_fault"),
    "discovery": ("Discovery", "discover", "environment_paths"),
    "export": ("Export", "Target"),
    "exposed": ("expose",),
    "for_llm": ("ForLLM", "PackageConfig", "package_for_llm"),
    "manifest": ("Budget", "Manifest", "manifest_schema", "parse_manifest"),
    "lazy_inits": ("lazy_init", "lazy_modules"),
    "loading": ("load_package",),
    "package": ("Package", "PackageNotFound"),
    "specifiers": ("InvalidSpecifier", "Resolver", "find", "parse_specifier", "resolving"),
    "stubs": ("Stub", "stubs_of", "write_stub"),
    "tool_cards": ("TOOLS_FILE", "card_of", "read_card", "tools_file"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "TOOLS_FILE",
    "Budget",
    "Discovery",
    "Export",
    "ExportNotFound",
    "ForLLM",
    "InvalidExports",
    "InvalidSpecifier",
    "InvalidSubpath",
    "Manifest",
    "OutsidePackage",
    "Package",
    "PackageConfig",
    "PackageNotFound",
    "Resolver",
    "Stub",
    "Target",
    "card_of",
    "check_modules",
    "discover",
    "environment_paths",
    "expose",
    "find",
    "lazy_init",
    "lazy_modules",
    "load_package",
    "manifest_schema",
    "package_for_llm",
    "parse_manifest",
    "parse_specifier",
    "path_fault",
    "read_card",
    "resolve_exports",
    "resolving",
    "stubs_of",
    "tools_file",
    "write_stub",
]


def __getattr__(name: str) -> Any:
    """Load what is asked for (PEP 562): the export map alone needs none of the rest."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value
