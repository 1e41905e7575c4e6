"""The files of a new package. `@module@`, `@distribution@` and `@description@` are filled in."""

from __future__ import annotations

_PYPROJECT = """\
[project]
name = "@distribution@"
version = "0.1.0"
description = "@description@"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["lev-os-core>=0.1,<0.2"]

# This line announces the package to `lev list` and to every host, wherever it is installed.
[project.entry-points."lev_os.packages"]
@module@ = "@module@"

[dependency-groups]
dev = ["pytest>=8"]

[build-system]
requires = ["uv_build>=0.9,<0.14"]
build-backend = "uv_build"

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["src"]
"""

_README = """\
# @distribution@

@description@

```sh
# what it exports
lev list @module@
# what a model reads
lev show @module@/contexts/style
# a flow that needs no model
lev run @module@/flows/greet --input '{"name": "Ada"}'
# and one that does
lev run @module@/flows/reply --input '{"message": "Hello?"}' --model local
# while you write
lev dev
```

From Python:

```python
from @module@.flows import greet

await greet(name="Ada")
```
"""

_MANIFEST = """\
format = 1
name = "@module@"
description = "@description@"
constitution = "./constitution.yaml"

[exports]
"."            = { llm-first = "./contexts/index.md", python = "@module@", default = "./contexts/index.md" }
"./contexts/*" = { llm = "./contexts/*.md", python = "@module@.contexts:*" }
"./flows/*"    = { llm = "./flows/*.yaml", python = "@module@.flows:*" }
"./tools/*"    = { python = "@module@.tools:*" }
"./constitution" = { llm = "./constitution.yaml" }

[budget]
context = 500
bundle = 2000
"""

_CONSTITUTION = """\
constitution: 1
name: @module@
extends: [lev_os.core/constitution/baseline]
principles:
  - id: OWN-001
    statement: Replies promise no money.
    rationale: Only a person may do that.
    authority: default
    severity: error
    scope: {artifacts: [run], phase: [post]}
    checks:
      - regex: "(?i)we will (refund|pay) you"
    on_violation: revise
    tests:
      violates:
        - {result: "We will refund you today."}
        - {result: "Do not worry, we will pay you back."}
      complies:
        - {result: "A colleague will look into your refund."}
        - {result: "Hello, Ada!"}
"""

_INDEX = """\
---
name: index
description: What this package offers to a model.
---
# @distribution@

@description@

Write as [style](style.md) says. The tool [`greeting`](../tools.py) makes the first line of a reply.
"""

_STYLE = """\
---
name: style
description: How replies are written.
---
# Style

- Say the answer first, in one sentence.
- Use the reader's words; explain a term when you cannot avoid it.
- Never promise money or dates.
"""

_EXPOSE = """\
from lev_os.core import expose

__getattr__, __dir__, __all__ = expose(__name__)
"""

_GREET = """\
flowmind: 1
name: greet
description: Greet someone by name; needs no model.
input:
  name: string
output: {text: string}
steps:
  - id: line
    call: ./tools/greeting
    with:
      name: "${input.name}"
  - return:
      text: "${line}"
"""

_REPLY = """\
flowmind: 1
name: reply
description: Answer a message in two sentences.
input:
  message: string
output: {reply: string}
context: [./contexts/style]
limits: {asks: 3}
steps:
  - id: draft
    ask: Answer this message in two sentences.
    about: "${input.message}"
  - return:
      reply: "${draft}"
"""

_TOOLS = '''\
"""Functions that flows and models may call."""

from lev_os.core import tool


@tool(effects=[], idempotent=True)
def greeting(name: str) -> str:
    """The first line of a reply to `name`."""
    return f"Hello, {name.strip() or 'there'}!"
'''

_TESTS = '''\
"""The package says what it exports, its flows run, and its constitution holds."""

from lev_os.core import load_package
from lev_os.core.bidirectional import run_sync

from @module@.flows import greet, reply


def test_every_context_fits_its_budget() -> None:
    """`lev.toml` allows 500 tokens for each context."""
    contexts = [export for export in load_package("@module@").exports() if export.kind == "context"]
    assert contexts
    assert all(export.for_llm()["tokens"] <= 500 for export in contexts)


def test_greet_needs_no_model() -> None:
    """Plain steps run anywhere."""
    assert run_sync(greet, {"name": "Ada"}).output == {"text": "Hello, Ada!"}


def test_reply_asks_a_model() -> None:
    """A function can stand in for the model: it gets the request and gives the answer."""
    result = run_sync(reply, {"message": "Hello?"}, model=lambda request: {"answer": "Hello to you."})
    assert result.output == {"reply": "Hello to you."}


def test_a_promise_of_money_is_stopped() -> None:
    """Asked again twice, then denied, by OWN-001 of `constitution.yaml`."""
    result = run_sync(reply, {"message": "Pay!"}, model=lambda request: {"answer": "We will refund you."})
    assert result.status == "denied"
'''

FILES = {
    ".gitignore": ".lev/\n.venv/\n__pycache__/\n*.py[co]\ndist/\n",
    "README.md": _README,
    "pyproject.toml": _PYPROJECT,
    "src/@module@/__init__.py": '"""@description@"""\n',
    "src/@module@/py.typed": "",
    "src/@module@/lev.toml": _MANIFEST,
    "src/@module@/constitution.yaml": _CONSTITUTION,
    "src/@module@/contexts/__init__.py": _EXPOSE,
    "src/@module@/contexts/index.md": _INDEX,
    "src/@module@/contexts/style.md": _STYLE,
    "src/@module@/flows/__init__.py": _EXPOSE,
    "src/@module@/flows/greet.yaml": _GREET,
    "src/@module@/flows/reply.yaml": _REPLY,
    "src/@module@/tools.py": _TOOLS,
    "tests/test_package.py": _TESTS,
}
"""Path (below the new folder) to text."""
