"""`lev.toml`, and every name that its exports have."""

import atheris

with atheris.instrument_imports(include=["lev_os"]):
    import harness
    from lev_os.core.packaging.exports import resolve_exports
    from lev_os.core.packaging.manifest import parse_manifest

SEEDS = (
    'format = 1\nname = "acme"\n[exports]\n"." = "./a.md"\n"./c/*" = { llm = "./c/*.md", python = "acme.c:*" }\n'
    '"./c/no/*" = false\n[budget]\ncontext = 20\n',
    'format = 1\n[exports]\n"./f/*" = { llm-first = ["./x.md", "./y/*.md"], default = { llm = "./z.md" } }\n'
    '[mcp.servers.x]\ncommand = ["a"]\n[tool.lev]\nplugins = []\n',
)


def target(data: bytes) -> None:
    """Read it, then resolve what it exports."""
    manifest = parse_manifest(data, name="acme")
    for key in manifest.exports:
        resolve_exports(manifest.exports, key.replace("*", "x"), {"llm", "python", "default"})


if __name__ == "__main__":
    harness.run("manifests", target, SEEDS, ('"./*/*"', "..", "%2e", "node_modules", "\\", "= false", "[[x]]"))
