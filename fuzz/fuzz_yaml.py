"""YAML documents, with their positions."""

import atheris

with atheris.instrument_imports(include=["lev_os", "yaml"]):
    import harness
    from lev_os.core.documents import read_yaml

SEEDS = (
    "a: 1\nb: [x, 'y', \"z\"]\nc:\n  - {d: null, e: 0x10}\n  - |\n    text\n  - >-\n    more\n",
    "&a x: *a\n<<: {y: 1}\n? k\n: v\n--- \n",
    '{"a": [1.5e3, true, ~], "a": "\\ud800"}',
    "2026-01-01: !!str 1_000\n'': .inf\n",
)

if __name__ == "__main__":
    harness.run("yaml", read_yaml, SEEDS, ("&", "*", "!!", "|", ">-", "<<", "%YAML 1.2", "\ufeff", "\t", "- - - -"))
