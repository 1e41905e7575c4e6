"""One context, five ways to it: Python, Node by `import` and by `require`, `lev mcp`, an installed skill."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.node]

LEV = str(Path(sys.executable).parent / "lev")
NAMES = ("escalation", "executive", "index", "refund-policy", "tone")
PROGRAM = """
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
const found = {};
for (const name of process.argv.slice(2)) {
  const path = "acme-support/contexts/" + name;
  found[name] = [(await import(path)).text, require(path).text];
}
process.stdout.write(JSON.stringify(found));
"""


def run(*command: str, cwd: Path) -> str:
    """What a command prints."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def by_python() -> dict[str, str]:
    """As a program has it: `from acme_support.contexts import tone`."""
    from acme_support import contexts

    return {name: getattr(contexts, name.replace("-", "_")).text for name in NAMES}


def by_node(folder: Path) -> dict[str, list[str]]:
    """From the packed and installed twin."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js with npm is not here")
    run(LEV, "export", "--to", "npm", "--out", "twin", "--package", "acme_support", cwd=folder)
    packed = run("npm", "pack", "--silent", "--pack-destination", str(folder), cwd=folder / "twin").strip()
    app = folder / "app"
    app.mkdir()
    (app / "package.json").write_text('{"type": "module"}')
    run("npm", "install", "--offline", "--no-audit", "--no-fund", str(folder / packed), cwd=app)
    (app / "main.js").write_text(PROGRAM)
    found: dict[str, list[str]] = json.loads(run("node", "main.js", *NAMES, cwd=app))
    return found


def by_mcp(folder: Path) -> dict[str, str]:
    """As a coding agent reads it from the server."""
    from mcp import Client, StdioServerParameters

    server = StdioServerParameters(command=LEV, args=["mcp", "acme_support"], env=dict(os.environ), cwd=str(folder))

    async def read() -> dict[str, str]:
        found = {}
        async with Client(server) as client:
            for name in NAMES:
                (content,) = (await client.read_resource(f"lev://acme_support/contexts/{name}")).contents
                found[name] = content.model_dump()["text"]
        return found

    return asyncio.run(read())


def by_skill(folder: Path) -> dict[str, str]:
    """As an agent reads it that finds skills in the repository: the file without its frontmatter."""
    run(LEV, "export", "--to", "skills", "--out", "repository", "--package", "acme_support", cwd=folder)
    references = folder / "repository" / ".agents" / "skills" / "acme-support" / "references"
    return {name: (references / f"{name}.md").read_bytes().decode().split("---\n", 2)[2] for name in NAMES}


def test_one_context_everywhere(tmp_path: Path) -> None:
    """The same bytes, whoever asks."""
    wanted = by_python()
    assert by_mcp(tmp_path) == wanted
    assert by_skill(tmp_path) == wanted
    assert by_node(tmp_path) == {name: [text, text] for name, text in wanted.items()}
