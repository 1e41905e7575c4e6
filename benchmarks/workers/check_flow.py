"""Check one generated flow: parse, link, and every rule on flows. Argument: number of steps. Median of seven."""

import json
import sys
import time
from pathlib import Path
from statistics import median

from lev_os.check.files import File
from lev_os.check.project import FlowSubject
from lev_os.check.registry import rules
from lev_os.core import Flow
from lev_os.core.flowmind import cel
from lev_os.core.flowmind.expressions import compile_expression
from lev_os.core.flowmind.parse import examine

HEAD = "flowmind: 1\nname: large\ninput: {message: string, count: integer}\nsteps:\n  - set: {said0: nothing}\n"
BLOCK = """\
  - id: draft{n}
    ask: "Draft reply {n} to ${{input.message}}"
    about: "${{said{last}}}"
    returns: {{text: string, score: number}}
  - if: "draft{n}.score > 0.5 && input.count > {n}"
    then:
      - set: {{said{n}: "${{draft{n}.text}}"}}
    else:
      - set: {{said{n}: "no {n}"}}
  - id: each{n}
    for_each: word in ['a', 'b']
    do:
      - id: line{n}
        ask: "Use ${{word}} in ${{said{n}}}."
"""
STEPS_IN_BLOCK = 6


def flow(steps: int) -> str:
    blocks = range(1, steps // STEPS_IN_BLOCK + 1)
    every = "".join(f"${{each{n}}}" for n in blocks)
    return HEAD + "".join(BLOCK.format(n=n, last=n - 1) for n in blocks) + f'  - return: "{every}"\n'


def check(text: str) -> int:
    """How many findings there are."""
    compile_expression.cache_clear()
    cel.parse.cache_clear()
    tree, problems = examine(text)
    assert tree is not None
    subject = FlowSubject(File(Path("large.yaml"), "large.yaml", "flow", text), Flow(tree), problems=problems)
    found = [*problems, *subject.link_problems]
    return len(found) + sum(1 for one in checks for _ in one(subject))


checks = [rule.check for rule in rules().values() if rule.on == "flow" and rule.check is not None]
text = flow(int(sys.argv[1]))
findings = check(text)
taken = []
for _ in range(7):
    begun = time.process_time()
    check(text)
    taken.append(1000 * (time.process_time() - begun))
print(json.dumps({"ms": median(taken), "findings": findings}))
