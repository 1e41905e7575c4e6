"""The reader behind `documents.read_yaml`: text checks, then libyaml's events into values and places."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from .documents import Document, Place, Positions, describe, short
from .errors import InvalidInput, Location, Problem

MAX_BYTES = 10_000_000
MAX_DEPTH = 100
MAX_ALIASED = 100_000
"""How many values aliases may add to a document, all together."""
_MAX_PROBLEMS = 100


def read(text: str | bytes, path: str | None) -> Document:
    """Parse one YAML document; raises `InvalidInput` with every problem found."""
    text = _decode(text, path)
    builder = _Builder(path)
    import yaml

    parser = yaml.CSafeLoader(text)
    try:
        builder.read(parser)
    except yaml.MarkedYAMLError as error:
        builder.problems.append(_syntax_problem(error, text, path))
    except yaml.YAMLError as error:
        builder.problems.append(Problem("YML101", str(error).partition("\n")[0], Location(path, 1, 1)))
    finally:
        parser.dispose()
    if builder.problems:
        raise InvalidInput(builder.problems)
    root = builder.place
    return Document(builder.data, Positions(root), Positions(root, keys=True), path, text)


_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff"  # never text
    "\u202a-\u202e\u2066-\u2069"  # reorder what is shown
    "\u200b\u2060-\u2064\ufeff\U000e0000-\U000e007f]"  # shown as nothing
)
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what libyaml counts as a line break


def _decode(text: str | bytes, path: str | None) -> str:
    size = len(text)
    if size > MAX_BYTES:
        message = f"the document has {size:,} bytes; the limit is {MAX_BYTES:,}"
        raise InvalidInput([Problem("YML102", message, Location(path), "split it, or move data to a file of its own")])
    if isinstance(text, bytes):
        text = _from_utf8(text, path)
    text = text.removeprefix("\ufeff")
    if _HIDDEN.search(text):
        found = islice(_HIDDEN.finditer(text), _MAX_PROBLEMS)
        raise InvalidInput([_hidden_problem(text, match.start(), path) for match in found])
    return text


def _from_utf8(data: bytes, path: str | None) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        message = f"byte 0x{data[error.start]:02x} is not valid UTF-8"
        at = _location(before, len(before), path)
        raise InvalidInput([Problem("YML103", message, at, "save the file as UTF-8")]) from None


def _location(text: str, offset: int, path: str | None) -> Location:
    line, start = 1, 0
    for match in _BREAK.finditer(text, 0, offset):
        line, start = line + 1, match.end()
    return Location(path, line, offset - start + 1)


def _hidden_problem(text: str, offset: int, path: str | None) -> Problem:
    code = ord(text[offset])
    at = _location(text, offset, path)
    if code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000 or code in {0xFFFE, 0xFFFF}:
        what = "NUL" if code == 0 else f"control character U+{code:04X}"
        return Problem("YML103", f"{what} is not text", at, "remove it; is this a binary file?")
    escape = f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    message = f"hidden character U+{code:04X}: what is shown is not what is read"
    return Problem("YML104", message, at, f'remove it, or write it visibly as "{escape}" in double quotes')


def _syntax_problem(error: Any, text: str, path: str | None) -> Problem:
    mark = error.problem_mark or error.context_mark
    at = Location(path, mark.line + 1, mark.column + 1) if mark else Location(path, 1, 1)
    lines = _BREAK.split(text)
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    here = line[mark.column : mark.column + 1] if mark else ""
    message = str(error.problem or error.context or "not YAML")
    if error.context and error.problem:
        message = f"{message} ({error.context})"
    message = message.replace("block mapping", "mapping").replace("block collection", "list")
    help: str | None = None
    if here == "\t" or (
        line[: mark.column if mark else 0].strip(" ") == "" and "\t" in line[: len(line) - len(line.lstrip())]
    ):
        message, help = "a tab cannot indent YAML", "use spaces"
    elif "${" in line:
        help = "quote this: text with `${…}` and YAML's own characters needs quotes around all of it"
    elif here in {"`", "@", "%"}:
        message, help = f"a value cannot begin with `{here}`", "quote this: put the whole value in quotes"
    elif "mapping values" in message:
        message, help = "a second `: ` on this line, or wrong indentation", "quote the value if it contains `: `"
    elif "undefined alias" in message:
        help = "a value that begins with `*` must be quoted"
    elif "expected" in message:
        help = "check indentation, brackets and quotes just before this place; quote values with special characters"
    return Problem("YML101", message, at, help)


_WORDS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NUMBER_START = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_BASES = {"0o": 8, "0x": 16}
_CORE = "tag:yaml.org,2002:"
_SCALAR_TAGS: dict[str, tuple[type, ...]] = {
    _CORE + "str": (str,), _CORE + "int": (int,), _CORE + "float": (float, int), _CORE + "bool": (bool,),
    _CORE + "null": (type(None),),
}  # fmt: skip


class _Frame:
    """A mapping or list that is being read."""

    __slots__ = ("anchor", "children", "height", "key", "key_place", "place", "size", "value")

    def __init__(self, value: Any, place: tuple[int, int], anchor: str | None) -> None:
        self.value = value
        self.children: Any = {} if isinstance(value, dict) else []
        self.place = place
        self.anchor = anchor
        self.key: str | None = None
        self.key_place: tuple[int, int] | None = None
        self.size = 1
        self.height = 1


class _Anchored:
    __slots__ = ("height", "place", "size", "value")

    def __init__(self, value: Any, place: Place, size: int, height: int) -> None:
        self.value = value
        self.place = place
        self.size = size
        self.height = height


class _Builder:
    """Makes values and places from libyaml's events, with a stack of its own: depth cannot exhaust Python's."""

    def __init__(self, path: str | None) -> None:
        self.path = path
        self.data: Any = None
        self.place: Place = (1, 1, True, None)
        self.problems: list[Problem] = []
        self.stack: list[_Frame] = []
        self.anchors: dict[str, _Anchored | None] = {}
        self.aliased = 0
        self.documents = 0

    def read(self, parser: Any) -> None:
        from yaml import events

        handlers = {
            events.ScalarEvent: self._scalar,
            events.MappingStartEvent: self._start,
            events.SequenceStartEvent: self._start,
            events.MappingEndEvent: self._end,
            events.SequenceEndEvent: self._end,
            events.AliasEvent: self._alias,
            events.DocumentStartEvent: self._document,
        }
        get = parser.get_event
        while (event := get()) is not None:
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)
                if len(self.problems) >= _MAX_PROBLEMS or self.documents > 1:
                    break

    def _problem(self, code: str, message: str, event: Any, help: str | None = None) -> None:
        mark = event.start_mark
        self.problems.append(Problem(code, message, Location(self.path, mark.line + 1, mark.column + 1), help))

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._problem("YML105", "a second document begins here", event, "one file holds one document: remove `---`")

    def _start(self, event: Any) -> None:
        mark = event.start_mark
        mapping = event.tag == _CORE + "map" or (event.tag is None and "Mapping" in type(event).__name__)
        if event.tag not in {None, _CORE + "map", _CORE + "seq"}:
            self._problem(
                "YML106",
                f"the tag `{event.tag}` is not supported",
                event,
                "remove it; quote a value that begins with `!`",
            )
            mapping = "Mapping" in type(event).__name__
        if len(self.stack) >= MAX_DEPTH:
            self._problem(
                "YML107", f"nested deeper than {MAX_DEPTH} levels", event, "move inner parts to files of their own"
            )
            raise InvalidInput(self.problems)
        if event.anchor:
            self.anchors[event.anchor] = None
        self.stack.append(_Frame({} if mapping else [], (mark.line + 1, mark.column + 1), event.anchor))

    def _end(self, event: Any) -> None:
        frame = self.stack.pop()
        place: Place = (*frame.place, False, frame.children)
        if frame.anchor:
            self.anchors[frame.anchor] = _Anchored(frame.value, place, frame.size, frame.height)
        self._add(frame.value, place, event, frame.size, frame.height)

    def _scalar(self, event: Any) -> None:
        mark = event.start_mark
        plain = event.implicit[0]
        text = event.value
        value = text
        if event.tag is not None or (plain and (text in _WORDS or text[0] in _NUMBER_START)):
            value = self._resolve(event, text, plain)
        place: Place = (mark.line + 1, mark.column + 1, plain, None)
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(value, place, 1, 0)
        self._add(value, place, event, 1, 0)

    def _alias(self, event: Any) -> None:
        target = self.anchors.get(event.anchor)
        mark = event.start_mark
        place: Place = (mark.line + 1, mark.column + 1, False, None)
        if target is None:
            why = "contains itself" if event.anchor in self.anchors else "is not defined before"
            self._problem(
                "YML108", f"the alias `*{event.anchor}` {why}", event, "a value that begins with `*` must be quoted"
            )
            self._add(None, place, event, 1, 0)
            return
        self.aliased += target.size
        if self.aliased > MAX_ALIASED or len(self.stack) + target.height > MAX_DEPTH:
            limit = f"{MAX_ALIASED:,} values" if self.aliased > MAX_ALIASED else f"{MAX_DEPTH} levels"
            self._problem("YML109", f"aliases grow this document beyond {limit}", event, "write the values out")
            raise InvalidInput(self.problems)
        self._add(target.value, place, event, target.size, target.height)

    def _add(self, value: Any, place: Place, event: Any, size: int, height: int) -> None:
        """Put a finished value where it belongs; in a mapping, keys and values come in turn."""
        if not self.stack:
            self.data, self.place = value, place
            return
        frame = self.stack[-1]
        frame.size += size
        if height >= frame.height:
            frame.height = height + 1
        if isinstance(frame.value, list):
            frame.value.append(value)
            frame.children.append(place)
        elif frame.key_place is None:
            frame.key_place = place[:2]
            frame.key = self._key(frame, value, place, event)
        else:
            if frame.key is not None:
                frame.value[frame.key] = value
                frame.children[frame.key] = (*frame.key_place, place)
            frame.key = frame.key_place = None

    def _key(self, frame: _Frame, value: Any, place: Place, event: Any) -> str | None:
        if isinstance(value, str):
            if value not in frame.children:
                return value
            line, column, _ = frame.children[value]
            message = f"duplicate key `{value}`, first at line {line}, column {column}"
            help = "keep one of them"
        elif isinstance(value, dict | list):
            message, help = "a key must be text, not a list or a mapping", "quote this if it is text"
        else:
            text = str(event.value) if hasattr(event, "value") else str(value)
            message = f"a key must be text, not {describe(value)}"
            help = f"quote it: '{text}'"
        at = Location(self.path, place[0], place[1])
        self.problems.append(Problem("YML110" if isinstance(value, str) else "YML111", message, at, help))
        return None

    def _resolve(self, event: Any, text: str, plain: bool) -> Any:
        tag = event.tag
        if tag in {"!", _CORE + "str"}:
            return text
        if tag is not None and tag not in _SCALAR_TAGS:
            self._problem("YML106", f"the tag `{tag}` is not supported", event, "quote a value that begins with `!`")
            return text
        value = self._plain(event, text)
        if tag is not None and not isinstance(value, _SCALAR_TAGS[tag]):
            self._problem("YML106", f"`{text}` is not a {tag.removeprefix(_CORE)}", event)
        return value

    def _plain(self, event: Any, text: str) -> Any:
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            base = _BASES.get(text[:2], 10)
            number = int(text, base) if len(text) < 40 else 1 << 64
            if -(1 << 63) <= number < 1 << 63:
                return number
            self._problem(
                "YML112", f"the integer `{short(text)}` does not fit in 64 bits", event, "quote it if it is text"
            )
        elif _FLOAT.fullmatch(text):
            real = float(text)
            if real - real == 0:
                return real
            self._problem("YML112", f"the number `{short(text)}` is too large", event, "quote it if it is text")
        elif _NOT_FINITE.fullmatch(text):
            self._problem("YML112", f"`{text}` is not a JSON number", event, "quote it if it is text")
        return text
