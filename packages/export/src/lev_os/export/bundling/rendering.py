"""A bundle as Markdown, XML or JSON. Each part says what it is, and where something of it was left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from lev_os.core.contexts.markdown import relink

from .model import Format, Text
from .passages import paragraphs

GAP = "[…]\n\n"
LEAST = 60
"""Characters of the shortest paragraph that is looked for elsewhere."""


class Repeated:
    """The paragraphs that have been given, and by which part."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def without(self, text: Text, piece: str, *, keep: bool = False) -> tuple[str, tuple[str, ...]]:
        """A passage without what another part has said, and those parts; with `keep` its own words are remembered."""
        spans = [*paragraphs(piece)] if len(piece) >= LEAST else [(0, len(piece))]
        kept: list[str] = []
        others: dict[str, None] = {}
        for start, end in spans:
            paragraph = piece[start:end]
            key = " ".join(paragraph.split())
            owner = self._seen.get(key) if len(key) >= LEAST else None
            if owner is not None and owner != text.specifier:
                others[owner] = None
                continue
            kept.append(paragraph)
            if keep and len(key) >= LEAST:
                self._seen.setdefault(key, text.specifier)
        left = "".join(kept)
        return "" if others and text.is_heading(left) else left, tuple(others)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A part's blocks: its opening, its passages and what stands between them, its end."""

    specifier: str
    blocks: tuple[str, ...]
    repeats: tuple[str, ...]

    def __bool__(self) -> bool:
        return len(self.blocks) > 2


def render_part(text: Text, chosen: Collection[int], form: Format, repeated: Repeated, *, keep: bool) -> Rendered:
    """The chosen passages of a text in order, each below the headings that stand over it."""
    blocks: list[str] = []
    repeats: dict[str, None] = {}
    shown: set[int] = set()
    before = -1
    for k in sorted(chosen):
        passage = text.passages[k]
        piece, others = repeated.without(text, text.text[passage.start : passage.end], keep=keep)
        repeats |= dict.fromkeys(others)
        if not piece.strip():
            before = k
            continue
        if k != before + 1:
            blocks.append(GAP)
        for above in passage.above:
            if above not in shown and above not in chosen:
                blocks.append(f"{text.heading(above)}\n\n")
                shown.add(above)
        blocks.append(f"{_linked(text, piece).strip(chr(10))}\n\n")
        before = k
    if blocks and before != len(text.passages) - 1:
        blocks.append(GAP)
    cut = len(chosen) < len(text.passages)
    opening, closing = _frame(text, len(chosen) if cut else 0, form)
    if form == "xml":
        blocks = [block.replace("]]>", "]]]]><![CDATA[>") for block in blocks]
    elif form == "json":
        from json import dumps  # few bundles are JSON

        blocks = [dumps(block, ensure_ascii=False)[1:-1] for block in blocks]
    return Rendered(text.specifier, (opening, *blocks, closing), tuple(repeats))


def _frame(text: Text, cut: int, form: Format) -> tuple[str, str]:
    """What stands before and after a part. `cut`: how many sections are there, 0 for all."""
    some = f"{cut} of {len(text.passages)} sections"
    name = text.specifier if _is_path(text.specifier) else f"lev://{text.specifier}"
    if form == "md":
        return f"<!-- {name.replace('--', '- -')}{f' (cut: {some})' if cut else ''} -->\n\n", ""
    if form == "xml":
        shown = name.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
        mark = f' cut="{some}"' if cut else ""
        return f'<part specifier="{shown}"{mark}>\n<![CDATA[\n', "]]>\n</part>\n\n"
    from json import dumps

    head = {"specifier": name, **({"cut": some} if cut else {})}
    return f'{dumps(head, ensure_ascii=False)[:-1]}, "text": "', '"}'


def _is_path(specifier: str) -> bool:
    """Whether a text came from a folder: no export's name ends like a file's."""
    return specifier.rpartition("/")[2].find(".") > 0 and not specifier.endswith("lev.toml")


def join(parts: Iterable[Rendered], form: Format) -> str:
    """The whole bundle; empty parts are left out."""
    texts = ["".join(part.blocks) for part in parts if part]
    if form == "xml":
        return f"<bundle>\n{''.join(texts)}</bundle>\n"
    if form == "json":
        return '{"parts": [' + ",".join(f"\n{text}" for text in texts) + "]}\n"
    return "".join(texts).rstrip("\n") + "\n" if texts else ""


def _linked(text: Text, piece: str) -> str:
    """A passage whose relative links name parts of the bundle, as their frames do, or exports."""
    return relink(piece, lambda target: text.links(target) if ":" not in target else None)
