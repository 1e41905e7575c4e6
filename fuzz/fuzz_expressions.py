"""Expressions and templates: what compiles also gives a value or says why not."""

import atheris

with atheris.instrument_imports(include=["lev_os"]):
    import harness
    from lev_os.core.flowmind import expressions

SEEDS = (
    "a.b == 'x' && size(l) > 2 || !t", "l.filter(i, i > 1).map(i, i * 2)", "t ? 1.5 : double(n)", "has(a.b) && n in l",
    "a['b'] + \"\\u00e9\" + r'\\d'", "x ${a.b} y ${l[0]} ${'}'} $ {", "not a and None",
    "timestamp('2026-01-01T00:00:00Z')",
)  # fmt: skip
NAMES = {"a": {"b": "x"}, "l": [1, 2, 3], "t": True, "n": 2, "s": "text", "z": None}


def target(data: bytes) -> None:
    """As an expression, and as a template."""
    source = harness.text(data)
    for read in (expressions.parse_expression, expressions.parse_template):
        try:
            tree = read(source)
            use = expressions.evaluate if read is expressions.parse_expression else expressions.render
            use(tree, NAMES)
        except expressions.LevError:
            continue


if __name__ == "__main__":
    harness.run(
        "expressions", target, SEEDS, ("${", "}", ".map(", ".all(", "1u", "b'x'", "'''", "[", "{", "(", "- - -")
    )
