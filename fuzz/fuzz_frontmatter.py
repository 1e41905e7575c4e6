"""Contexts: frontmatter, links, references and parameters."""

import atheris

with atheris.instrument_imports(include=["lev_os"]):
    import harness
    from lev_os.core.contexts.context import Context

SEEDS = (
    '---\nname: x\ndescription: y\nmetadata:\n  lev-kind: skill\n  lev-priority: "80"\n---\n# T\n[a](b.md) `${c}`\n',
    "---\nname: x\nmetadata: {lev-params: a b}\n---\nHi ${a} ``${b}``\n\n```\n${c}\n```\n[`f`](../t.py) <x@y>\n",
    "no frontmatter\n\n| a | b |\n|---|---|\n| [x][y] | ![z](lev://p/contexts/q) |\n\n[y]: z.md#w 'title'\n",
)

if __name__ == "__main__":
    harness.run("frontmatter", Context.parse, SEEDS, ("---\n", "${", "](", "```", "lev-requires:", "\r\n", "<!--"))
