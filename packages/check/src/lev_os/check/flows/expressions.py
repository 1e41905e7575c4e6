"""The types of CEL expressions, and what is wrong with them for the values that their names can have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from lev_os.core.documents import nearest
from lev_os.core.flowmind import cel

from . import types
from .narrowing import assume, known
from .operators import arithmetic, function_of, method_of
from .scopes import Names, empty
from .types import ANY, BOOL, NEVER, STRING, Type, join

Kind = Literal["null", "absent", "field", "operand", "never"]
"""`null`: is null; `absent`: an optional field is not there; `field`: there is no such field; `operand`: of a kind
that the operation is not defined for; `never`: a comparison that cannot hold."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong at `start` to `end` of an expression's source. `sure`: with every value, not only with some.

    `meant` replaces the text there, when something was probably meant.
    """

    kind: Kind
    start: int
    end: int
    message: str
    help: str | None = None
    sure: bool = True
    meant: str | None = None


@dataclass
class Reading:
    """One reading of an expression; `complaints` grow while it goes."""

    source: str
    complaints: list[Complaint] = field(default_factory=list)

    def of(self, node: cel.Node, names: Names) -> Type:
        """The type of a part of the expression where `names` are known."""
        match node:
            case cel.Constant(value=value, kind=kind):
                return types.constant(value) if kind in types.KINDS else Type(frozenset({kind}))
            case cel.Name(name=name):
                return names.get(name)
            case cel.Select():
                return self._select(node, names)
            case cel.Index():
                return self._index(node, names)
            case cel.Binary():
                return self._binary(node, names)
            case cel.Unary():
                return self._unary(node, names)
            case cel.Choice(test=test, yes=yes, no=no):
                self.truth(test, names)
                chosen = [self.of(yes, assume(test, names, True)), self.of(no, assume(test, names, False))]
                return join(chosen)
            case cel.Invoke():
                return self._invoke(node, names)
            case cel.Comprehension():
                return self._comprehension(node, names)
            case cel.ListOf(items=items):
                return types.list_of(join([self.of(item, names) for item in items]))
            case cel.MapOf(entries=entries):
                return self._map(entries, names)
        return ANY

    def truth(self, node: cel.Node, names: Names) -> Type:
        """The type of a part that must be true or false."""
        found = self.of(node, names)
        self._expect(node, found, {"bool"}, "true or false is needed")
        return found

    def wants(self, node: cel.Node, found: Type, kinds: set[str], what: str) -> None:
        """Complain of a part that is of no kind that is wanted of it."""
        self._expect(node, found, kinds, what)

    # --- parts

    def _select(self, node: cel.Select, names: Names) -> Type:
        holder = self.of(node.of, names)
        if empty(holder):
            return NEVER
        if not self._is_map(node.of, holder, f"it has no `{node.field}`", names):
            return ANY
        return self._field(node, holder, node.field, node.at, names)

    def _field(self, node: cel.Select | cel.Index, holder: Type, name: str, at: int, names: Names) -> Type:
        if "map" not in holder.kinds or holder.fields is None:
            return ANY
        shown = self._text(node.of)
        if name not in holder.fields:
            if holder.closed and holder.kinds <= {"map", "null"}:
                help = nearest(name, list(holder.fields)) or f"it has {', '.join(holder.fields) or 'no fields'}"
                meant = help.split("`")[1] if help.startswith("did you") else None
                self._complain(
                    "field", at, at + len(name), f"`{shown}` has no field `{name}`", help,
                    meant=meant if isinstance(node, cel.Select) else None,
                )  # fmt: skip
            return ANY
        if name not in holder.required:
            test = f"`has({shown}.{name})`" if isinstance(node, cel.Select) else f"`'{name}' in {shown}`"
            message = f"`{shown}` need not have `{name}`"
            self._complain("absent", at, at + len(name), message, f"test it first: {test}", sure=False)
            if isinstance(node, cel.Select):
                known(node, names)
        return holder.fields[name]

    def _is_map(self, node: cel.Node, holder: Type, consequence: str, names: Names) -> bool:
        """Complain where a value has no fields at all; afterwards it is known not to be null."""
        shown = self._text(node)
        if "map" in holder.kinds:
            if "null" in holder.kinds and holder is not ANY and holder.kinds != types.KINDS:
                self._null(node, f"`{shown}` may be null, and then {consequence}", sure=False)
                known(node, names)
            return True
        if holder.kinds == {"null"}:
            self._null(node, f"`{shown}` is always null here, so {consequence}", sure=True)
        elif not holder.kinds & types.MORE:
            self._complain("operand", node.start, node.end, f"`{shown}` is {holder.describe()}, so {consequence}")
        return False

    def _null(self, node: cel.Node, message: str, *, sure: bool) -> None:
        help = f"test it first: `{self._text(node)} != null`" if not sure else None
        self._complain("null", node.start, node.end, message, help, sure=sure)

    def _index(self, node: cel.Index, names: Names) -> Type:
        holder, key = self.of(node.of, names), self.of(node.key, names)
        if empty(holder):
            return NEVER
        self._expect(node.of, holder, {"list", "map"}, "only lists and maps can be indexed")
        if not holder.kinds & {"map"} and holder.kinds & {"list"}:
            self._expect(node.key, key, {"int", "uint"}, "a list is indexed by a whole number")
            return holder.items or ANY
        if "list" in holder.kinds:
            return ANY
        if isinstance(node.key, cel.Constant) and isinstance(node.key.value, str):
            return self._field(node, holder, node.key.value, node.key.start, names)
        return ANY

    def _map(self, entries: Sequence[tuple[cel.Node, cel.Node]], names: Names) -> Type:
        fields: dict[str, Type] = {}
        known_keys = True
        for key, value in entries:
            self.of(key, names)
            made = self.of(value, names)
            if isinstance(key, cel.Constant) and isinstance(key.value, str):
                fields[key.value] = made
            else:
                known_keys = False
        return types.record(fields) if known_keys else Type(frozenset({"map"}))

    # --- operators

    def _binary(self, node: cel.Binary, names: Names) -> Type:
        operator = node.operator
        if operator in ("&&", "||"):
            self.truth(node.left, names)
            self.truth(node.right, assume(node.left, names, operator == "&&"))
            return BOOL
        left, right = self.of(node.left, names), self.of(node.right, names)
        if empty(left) or empty(right):
            return BOOL if operator in ("==", "!=", "<", "<=", ">", ">=", "in") else ANY
        if operator in ("==", "!="):
            return self._equality(node, left, right)
        if operator == "in":
            return self._membership(node, left, right)
        if operator in ("<", "<=", ">", ">="):
            result = BOOL if arithmetic("<", left, right) is not None else None
        else:
            result = arithmetic(operator, left, right)
        if result is not None:
            # Both may be null at once; the part that may be is named, once.
            self._may_be_null(node.left, left, node.operator, names)
            self._may_be_null(node.right, right, node.operator, names)
            return result
        self._undefined(node, left, right)
        return BOOL if operator in ("<", "<=", ">", ">=") else ANY

    def _undefined(self, node: cel.Binary, left: Type, right: Type) -> None:
        for part, found in ((node.left, left), (node.right, right)):
            if found.kinds == {"null"}:
                message = f"`{self._text(part)}` is always null here, and `{node.operator}` is not defined for null"
                self._null(part, message, sure=True)
                return
        without = (left.without("null"), right.without("null"))
        help = None
        if all(side.kinds & types.NUMBERS for side in without):
            help = "CEL does not mix whole numbers and doubles: write `2.0` for `2`, or `double(x)`, or `int(x)`"
            if node.operator == "%":
                help = "`%` is for whole numbers: `int(x)` makes one"
        elif any("string" in side.kinds for side in without) and node.operator == "+":
            help = "make text of it with `string(x)`, or write it as text with `${…}`"
        message = f"`{node.operator}` is not defined for {left.describe()} and {right.describe()}"
        self._complain("operand", node.start, node.end, message, help)

    def _may_be_null(self, node: cel.Node, found: Type, operation: str, names: Names) -> None:
        if "null" in found.kinds and found.kinds != types.KINDS and found.kinds != {"null"}:
            shown = self._text(node)
            self._null(node, f"`{shown}` may be null, and `{operation}` is not defined for null", sure=False)
            known(node, names)

    def _equality(self, node: cel.Binary, left: Type, right: Type) -> Type:
        if not (left.kinds == {"null"} or right.kinds == {"null"}) and not _overlap(left, right):
            for part, found, other in ((node.right, right, left), (node.left, left, right)):
                if isinstance(part, cel.Constant):
                    against = node.left if part is node.right else node.right
                    self._never(part, against, other, found)
                    break
            else:
                message = f"these are never equal: {left.describe()} and {right.describe()}"
                self._complain("never", node.start, node.end, message)
        return BOOL

    def _never(self, part: cel.Constant, against: cel.Node, type_: Type, found: Type) -> None:
        shown, given = self._text(against), self._text(part)
        help = None
        meant = None
        if isinstance(part.value, str) and type_.values is not None:
            texts = [value for value in type_.values if isinstance(value, str)]
            help = nearest(part.value, texts)
            if help is not None:
                meant = f"{given[0]}{help.split('`')[1]}{given[-1]}"
        elif found.kinds & types.NUMBERS and type_.kinds == {"string"}:
            help = f"compare with text, '{part.value}', or convert with `int(x)` or `double(x)`"
        self._complain(
            "never", part.start, part.end, f"`{shown}` is never {given}: it is {type_.describe()}", help, meant=meant
        )

    def _membership(self, node: cel.Binary, left: Type, right: Type) -> Type:
        if right.kinds == {"string"} or right.kinds == {"string", "null"}:
            shown = f"`{self._text(node.right)}.contains({self._text(node.left)})`"
            message = f"`in` is for lists and maps, and `{self._text(node.right)}` is {right.describe()}"
            self._complain("operand", node.right.start, node.right.end, message, f"for a part of a text write {shown}")
            return BOOL
        self._expect(node.right, right, {"list", "map"}, "`in` is for lists and maps")
        items = right.items if right.kinds == {"list"} else None
        if items is not None and not empty(items) and not _overlap(left, items):
            message = f"`{self._text(node.left)}` is never among them: it is {left.describe()}"
            self._complain("never", node.left.start, node.left.end, message)
        return BOOL

    def _unary(self, node: cel.Unary, names: Names) -> Type:
        if node.operator == "!":
            self.truth(node.of, names)
            return BOOL
        found = self.of(node.of, names)
        self._expect(node.of, found, {"int", "double", "bool", "duration"}, "`-` is for numbers")
        return Type(found.kinds & {"int", "double", "bool", "duration"}) if found.kinds != types.KINDS else ANY

    # --- functions

    def _invoke(self, node: cel.Invoke, names: Names) -> Type:
        if node.function == "has" and node.of is None:
            if node.arguments and isinstance(selected := node.arguments[0], cel.Select):
                holder = self.of(selected.of, names)
                if not empty(holder):
                    self._is_map(selected.of, holder, "`has` fails", names)
            return BOOL
        arguments = [self.of(argument, names) for argument in node.arguments]
        signature = function_of(node.function) if node.of is None else method_of(node.function)
        parts = list(zip(node.arguments, arguments, strict=True))
        if node.of is not None:
            parts.insert(0, (node.of, self.of(node.of, names)))
        if signature is None or len(parts) != len(signature.takes):
            return signature.gives if signature else ANY
        for (part, found), kinds in zip(parts, signature.takes, strict=True):
            self._expect(part, found, set(kinds), f"`{node.function}` takes {signature.wording}")
        return signature.gives

    def _comprehension(self, node: cel.Comprehension, names: Names) -> Type:
        holder = self.of(node.of, names)
        if empty(holder):
            return ANY
        self._expect(node.of, holder, {"list", "map"}, f"`{node.macro}` needs a list or a map")
        items = join(
            [(holder.items or ANY) if "list" in holder.kinds else NEVER, STRING if "map" in holder.kinds else NEVER]
        )
        if empty(items):
            return types.list_of(NEVER) if node.macro in ("map", "filter") else BOOL
        inner = Names(names)
        inner.learn(node.variable, items)
        for argument in node.arguments[:-1]:
            self.truth(argument, inner)
        last = node.arguments[-1] if node.arguments else None
        if node.macro == "map":
            return types.list_of(ANY if last is None else self.of(last, inner))
        if last is not None:
            self.truth(last, inner)
        return types.list_of(items) if node.macro == "filter" else BOOL

    # --- saying it

    def _expect(self, node: cel.Node, found: Type, kinds: set[str], what: str) -> None:
        if empty(found) or found.kinds == types.KINDS:
            return
        shown = self._text(node)
        if not found.kinds & kinds:
            if found.kinds == {"null"}:
                self._null(node, f"`{shown}` is always null here, but {what}", sure=True)
            else:
                self._complain("operand", node.start, node.end, f"`{shown}` is {found.describe()}, but {what}")
        elif "null" in found.kinds and "null" not in kinds:
            self._null(node, f"`{shown}` may be null, but {what}", sure=False)

    def _complain(
        self, kind: Kind, start: int, end: int, message: str, help: str | None = None, *,
        sure: bool = True, meant: str | None = None,
    ) -> None:  # fmt: skip
        made = Complaint(kind, start, end, message, help, sure, meant)
        if made not in self.complaints:
            self.complaints.append(made)

    def _text(self, node: cel.Node) -> str:
        text = self.source[node.start : node.end]
        return text if len(text) <= 60 else text[:59] + "…"


def _overlap(one: Type, other: Type) -> bool:
    """Whether some value of the one equals some value of the other."""
    if "null" in one.kinds and "null" in other.kinds:
        return True
    shared = one.kinds & other.kinds - {"null"}
    if one.kinds & _NUMERIC and other.kinds & _NUMERIC:
        shared |= _NUMERIC
    if not shared:
        return False
    if shared & {"list", "map"} or one.values is None or other.values is None:
        return True
    return not one.values.isdisjoint(other.values)


_NUMERIC = types.NUMBERS | {"uint"}
