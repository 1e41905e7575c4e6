"""What is known of the values that a flow's templates and expressions make."""

from __future__ import annotations

from collections.abc import Mapping

from lev_os.core.flowmind import cel
from lev_os.core.flowmind.expressions import ExpressionError
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
        try:
            return self._part(cel.parse(source), source, names)
        except ExpressionError:  # more deeply nested than anybody reads
            used = {name: names.value(name, self.symbols) for name in sorted(expression.names)}
            return self.symbols.computed(source, used)

    def _part(self, node: cel.Node, source: str, names: Names) -> Symbol:
        """Which value a part of an expression has: one that it names or puts together is the very value, as the gate
        compares what was shown with what leaves; any other is computed."""
        symbols = self.symbols
        match node:
            case cel.Constant(kind="null" | "bool" | "int" | "double" | "string", value=value):
                return symbols.literal(value)
            case cel.Name(name=name):
                return names.value(name, symbols)
            case cel.Select(of=of, field=field):
                return symbols.field(self._part(of, source, names), field)
            case cel.Index(of=of, key=cel.Constant(value=str() | int() as place)):
                return symbols.field(self._part(of, source, names), place)
            case cel.Unary(operator="!", of=of):
                return symbols.negation(self._part(of, source, names))
            case cel.Binary(operator="&&" | "||" as operator, left=left, right=right):
                return symbols.junction(operator, self._part(left, source, names), self._part(right, source, names))
            case cel.Binary(operator="==" | "!=" as operator, left=left, right=cel.Constant(value=bool() as truth)):
                same = symbols.being(self._part(left, source, names), truth)
                return same if operator == "==" else symbols.negation(same)
            case cel.ListOf(items=items):
                return symbols.array(self._part(item, source, names) for item in items)
            case cel.MapOf(entries=entries):
                made: dict[str, Symbol] = {}
                for key, entry in entries:
                    if isinstance(key, cel.Constant) and isinstance(key.value, str):
                        made[key.value] = self._part(entry, source, names)
                if len(made) == len(entries):
                    return symbols.object(made)
        used = {name: names.value(name, symbols) for name in sorted(_free(node))}
        return symbols.computed(source[node.start : node.end], used)

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


def _free(node: cel.Node) -> frozenset[str]:
    """The names that a part of an expression reads from outside it."""
    if isinstance(node, cel.Name):
        return frozenset({node.name})
    found = frozenset[str]().union(*map(_free, cel.parts(node)))
    if isinstance(node, cel.Comprehension):
        return _free(node.of) | (found - {node.variable})
    return found
