"""A thousand skills as people write them, the same on every machine: 9 KB each of prose, lists, tables and code."""

from __future__ import annotations

import random
from pathlib import Path

_SYLLABLES = [
    "ra", "ten", "mo", "lis", "ve", "kor", "a", "den", "si", "pu", "ta", "ber", "ni", "el", "ca", "for", "ge",
    "sto", "mi", "hal", "do", "ric", "un", "pla", "se", "tor", "wi", "nam",
]  # fmt: skip
_VERBS = [
    "read", "write", "build", "deploy", "test", "check", "move", "rename", "parse", "load", "save", "send",
    "fetch", "merge", "review", "trace", "plan",
]  # fmt: skip
_NOUNS = [
    "file", "table", "report", "branch", "client", "record", "build", "answer", "list", "page", "model", "index",
    "queue", "draft", "order", "release",
]  # fmt: skip
_LINKS = ("https://docs.example.org/{0}/{1}", "references/{1}.md", "#{1}", "https://example.com/{1}?page=2")


def write(home: Path, count: int, seed: int = 11) -> Path:
    """Write `count` skills with their references into `home/skills`, about 9 MB for 1,000; returns `home`."""
    draw = random.Random(seed)
    words = sorted({"".join(draw.choices(_SYLLABLES, k=draw.randint(1, 4))) for _ in range(4000)})
    for number in range(count):
        name = f"{draw.choice(_VERBS)}-{draw.choice(_NOUNS)}-{number:05}"
        folder = home / "skills" / name
        (folder / "references").mkdir(parents=True)
        topics = [f"{draw.choice(_NOUNS)}-{part}" for part in range(5)]
        for topic in topics:
            (folder / "references" / f"{topic}.txt").write_text(f"{topic}\n", encoding="utf-8")
        (folder / "SKILL.md").write_text(_skill(draw, words, name, topics), encoding="utf-8")
    return home


def _skill(draw: random.Random, words: list[str], name: str, topics: list[str]) -> str:
    about = f"{name.replace('-', ' ').capitalize()}; use it when {_words(draw, words, 12)} has to be done."
    parts = [f"---\nname: {name}\ndescription: {about}\nlicense: Apache-2.0\n---\n\n# {name}\n\n"]
    for topic in topics:
        parts.append(f"## {topic.replace('-', ' ').capitalize()}\n\n{_prose(draw, words)}\n")
        parts.append(_list(draw, words, topic))
        parts.append(draw.choice((_bash, _python, _json, _table))(draw, words))
        parts.append(f"{_prose(draw, words)}\n")
    return "".join(parts)


def _words(draw: random.Random, words: list[str], count: int) -> str:
    return " ".join(draw.choices(words, k=count))


def _prose(draw: random.Random, words: list[str]) -> str:
    sentences = [
        f"{draw.choice(_VERBS).capitalize()} the {draw.choice(_NOUNS)} {_words(draw, words, 8)}"
        f" with `{draw.choice(words)}.{draw.choice(_VERBS)}()`, {_words(draw, words, 9)}."
        for _ in range(3)
    ]
    return " ".join(sentences) + "\n"


def _list(draw: random.Random, words: list[str], topic: str) -> str:
    link = draw.choice(_LINKS).format(draw.choice(words), topic).replace(".md", ".txt")
    items = [f"- **{draw.choice(_NOUNS)}**: {_words(draw, words, 10)}, see [{topic}]({link})"]
    items += [f"{number}. {draw.choice(_VERBS).capitalize()} {_words(draw, words, 9)}" for number in range(1, 4)]
    return "\n".join(items).replace("\n1.", "\n\n1.") + "\n\n"


def _bash(draw: random.Random, words: list[str]) -> str:
    lines = [f"git {draw.choice(_VERBS)} {draw.choice(words)} --{draw.choice(words)}" for _ in range(4)]
    return "```bash\n" + "\n".join(lines) + "\n```\n\n"


def _python(draw: random.Random, words: list[str]) -> str:
    return (
        f"```python\nimport json\nfrom pathlib import Path\n\n\ndef {draw.choice(words)}(path: str) -> dict:\n"
        f'    """{_words(draw, words, 6)}."""\n    data = json.loads(Path(path).read_text())\n'
        f'    return data["{draw.choice(words)}"]\n```\n\n'
    )


def _json(draw: random.Random, words: list[str]) -> str:
    return f'```json\n{{"{draw.choice(words)}": [{draw.randint(1, 99)}, true], "{draw.choice(words)}x": null}}\n```\n\n'


def _table(draw: random.Random, words: list[str]) -> str:
    rows = [f"| {draw.choice(_NOUNS)} | {_words(draw, words, 4)} | `{draw.choice(words)}` |" for _ in range(4)]
    return "| what | why | how |\n|---|---|---|\n" + "\n".join(rows) + "\n\n"
