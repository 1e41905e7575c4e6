"""What reading a manifest, a module or a tool's declaration reports."""

from __future__ import annotations

from functools import partial

from ...rule import Example, reported
from ._package import SOUND, manifest, sound

_reported = partial(reported, on="package", severity="error", good=sound())

_reported(
    "MAN001",
    "not-text",
    summary="A file of a package is not UTF-8 text, or holds a NUL character.",
    why="It is a binary file, or was saved in another encoding: readers would disagree on what it says.",
    mend="Save it as plain UTF-8 text.",
    bad=manifest("support desk", "support\0desk", "\0desk"),
)
_reported(
    "MAN101",
    "manifest-unreadable",
    summary="A `lev.toml` is not TOML, is too large, or hides characters.",
    why="Names must look like what they are, and a file that cannot be read exports nothing.",
    mend="Correct the line; remove the hidden character.",
    source="https://toml.io/en/v1.0.0",
    bad=manifest("format = 1", "format = [1", "description"),
)
_reported(
    "MAN102",
    "manifest-format",
    summary="A manifest does not say which version of the format it is in.",
    why="Without it a later version would have to guess.",
    mend="Write `format = 1` at the top.",
    bad=manifest("format = 1\n", "", "description"),
)
_reported(
    "MAN103",
    "manifest-format-newer",
    summary="A manifest is in a newer format than this installation reads.",
    why="What it says cannot be judged by the rules of an older one.",
    mend="Upgrade `lev-os-core`.",
    bad=manifest("format = 1", "format = 2", "format"),
)
_reported(
    "MAN104",
    "manifest-unknown-key",
    summary="A manifest has a key that its format does not know.",
    why="A misspelt key says nothing.",
    mend="Correct it; the message names the nearest one.",
    bad=manifest("description", "descripton", "descripton"),
)
_reported(
    "MAN105",
    "manifest-type",
    summary="A value of a manifest is of the wrong type.",
    why="It cannot be used.",
    mend="Write the type that the message names.",
    bad=manifest('"A support desk."', "3", "description"),
)
_reported(
    "MAN106",
    "manifest-name",
    summary="`name` is not the name under which the package is imported.",
    why="Specifiers begin with the import name: every reference from outside would lead nowhere.",
    mend="Write the import name, or leave `name` out.",
    bad=manifest("format = 1\n", 'format = 1\nname = "acme-desk"\n', "name"),
)
_reported(
    "MAN107",
    "manifest-constitution",
    summary="`constitution` is not a path inside the package.",
    why="A package's values have to travel with it.",
    mend="Write a path such as `./constitution.yaml`.",
    bad=manifest("format = 1\n", 'format = 1\nconstitution = "../values.yaml"\n', "constitution"),
)
_reported(
    "MAN108",
    "manifest-deps",
    summary="`deps` is not an object reference.",
    why="It is imported to make what tools get as `ctx.deps`.",
    mend="Write `module:function`.",
    bad=manifest("format = 1\n", 'format = 1\ndeps = "acme/deps.py"\n', "deps"),
)
_reported(
    "MAN109",
    "manifest-budget",
    summary="A budget is not a whole number.",
    why="Budgets are counted in tokens, kilobytes and milliseconds.",
    mend="Write a whole number of at least 0.",
    bad=manifest("[exports]", '[budget]\ncontext = "2k"\n\n[exports]', "context = "),
)
_reported(
    "MAN111",
    "export-key",
    summary="An export's key is not a subpath of the package.",
    why="Nobody could name it.",
    mend='Write `"."` or a key that begins with `./`, with one `*` at most.',
    source="https://nodejs.org/api/packages.html#subpath-exports",
    bad=manifest('"./contexts/*"', '"contexts/*"', '"contexts/*"'),
)
_reported(
    "MAN112",
    "export-target-type",
    summary="An export has no target, or one of a type that targets cannot be.",
    why="It leads nowhere for everybody.",
    mend="Name a target for `llm`, `python` or `default`; `false` keeps something from being exported.",
    bad=manifest('{ llm = "./contexts/*.md" }', "{}", '"./contexts/*"'),
)
_reported(
    "MAN113",
    "export-deprecated-empty",
    summary="A deprecated export does not say what to use instead.",
    why="Whoever is warned has to know where to go.",
    mend='Write `deprecated = "use ./contexts/x"`.',
    bad=manifest('{ llm = "./contexts/*.md" }', '{ llm = "./contexts/*.md", deprecated = "" }', "deprecated"),
)
_reported(
    "MAN114",
    "export-condition",
    summary="The name of a condition is misspelt or is none.",
    why="Nobody asks with it, so its target is never used.",
    mend="Authors meet `llm-first`, `llm`, `python` and `default`.",
    bad=manifest('{ llm = "./contexts', '{ lllm = "./contexts', "lllm"),
)
_reported(
    "MAN115",
    "export-target-outside",
    summary="An export's target is not a path inside the package.",
    why="Nothing outside a package may be reached by its name.",
    mend="Write a path below the package that begins with `./`.",
    bad=manifest("./contexts/*.md", "./../contexts/*.md", "llm"),
)
_reported(
    "MAN116",
    "export-python-reference",
    summary="A Python reference stands under a condition other than `python`.",
    why="A model cannot be given an object.",
    mend="Put it under `python`, or write `./` before a file's name.",
    bad=manifest('{ python = "acme.tools:*" }', '{ llm = "acme.tools:*" }', 'llm = "acme'.replace("llm", "¶llm")),
)
_reported(
    "MAN117",
    "export-names-collide",
    summary="Two exports are one name in Python.",
    why="A hyphen becomes an underscore there: only one of the two could be imported.",
    mend="Rename one of the files.",
    bad=Example(
        {**SOUND, "acme/contexts/our-tone.md": "Be brief.\n", "acme/contexts/our_tone.md": "Be brief.\n"},
        ("acme/lev.toml", 1, 1),
    ),
)
_reported(
    "MAN118",
    "manifest-servers",
    summary="An MCP server of a manifest is not described as the format wants it.",
    why="It could not be started.",
    mend="Give it either `command` or `url`.",
    bad=manifest("[exports]", "[mcp.servers.crm]\n\n[exports]", "crm"),
)
_MANY = "".join(f'"./x{number}" = false\n' for number in range(5000))
_reported(
    "MAN110",
    "too-many-exports",
    summary="A manifest has more exports than are read.",
    why="Nobody can look through so many, and every question about a name would take longer.",
    mend="Use patterns: one for each folder.",
    bad=manifest(
        '"./contexts/*" =',
        "\n".join(f'"./x{number}" = false' for number in range(5000)) + '\n"./contexts/*" =',
        "exports",
    ),
)
_SERVER = '[mcp.servers.crm]\nurl = "https://crm.example/mcp"\n\n[exports]'
_LISTED = '{"format": 1, "servers": {}}\n'
_reported(
    "MAN403",
    "server-listing",
    summary="The pinned list of an MCP server's tools cannot be read, or is not the one that was approved.",
    why="A server could otherwise change what its tools say of themselves behind everybody's back.",
    mend="Look at what the servers offer, then run `lev mcp PACKAGE --pin`.",
    bad=Example(
        {**manifest("[exports]", _SERVER).files, "acme/mcp-tools.json": "[]\n"},
        ("acme/mcp-tools.json", 1, 1),
    ),
    good=manifest("[exports]", _SERVER, files={"acme/mcp-tools.json": _LISTED}),
)
