"""What is known of the values that a flow's templates and expressions make."""

from __future__ import annotations

from collections.abc import Mapping

from lev_os.core.flowmind.model import Expr, Template, Value

from .states import CLEAN, Mark, Names
from .symbols import Symbol, Symbols


def path_of(source: str) -> str | None:
    """A name, or a name and a field of it, when an expression is no more than a way to a value; else None."""
    plain = source.replace(".", "").replace("_", "").isalnum()
    return ".".join(source.split(".")[:2]) if plain else None


class Reader:
    """Reads values where some names are known; `symbols` are those of the whole walk."""

    def __init__(self, symbols: Symbols) -> None:
        self.symbols = symbols

    def value(self, value: Value, names: Names) -> Symbol:
        """Which value this is."""
        match value:
            case Template(parts=(str(text),)):
                return self.symbols.literal(text)
            case Template(parts=(Expr() as expression,)):
                return self.expression(expression, names)
            case Template(parts=parts):
                return self.symbols.text(
                    self.symbols.literal(part) if isinstance(part, str) else self.expression(part, names)
                    for part in parts
                )
            case Expr():
                return self.expression(value, names)
            case Mapping():
                return self.symbols.object({str(key): self.value(item, names) for key, item in value.items()})
            case list() | tuple():
                return self.symbols.array(self.value(item, names) for item in value)
        return self.symbols.literal(value)

    def expression(self, expression: Expr, names: Names) -> Symbol:
        """Which value an expression has."""
        source = expression.source.strip()
        first, *fields = source.split(".")
        if expression.names == {first} and all(field.isidentifier() for field in fields):
            symbol = names.value(first, self.symbols)
            for field in fields:
                symbol = self.symbols.field(symbol, field)
            return symbol
        used = {name: names.value(name, self.symbols) for name in sorted(expression.names)}
        return self.symbols.computed(source, used)

    def mark(self, value: Value, names: Names) -> Mark:
        """The labels of all that a value, template or expression refers to."""
        match value:
            case Expr():
                path = path_of(value.source)
                return CLEAN.also(*(names.mark(name, path) for name in value.names))
            case Template(parts=parts):
                return CLEAN.also(*(self.mark(part, names) for part in parts if isinstance(part, Expr)))
            case Mapping():
                return CLEAN.also(*(self.mark(item, names) for item in value.values()))
            case list() | tuple():
                return CLEAN.also(*(self.mark(item, names) for item in value))
        return CLEAN
