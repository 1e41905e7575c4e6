"""The bundler: what is in, cut and out, and that a budget is never exceeded."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lev_os.core import Package, PackageConfig, load_package, tokens
from lev_os.core.errors import LevError
from lev_os.export import bundle
from lev_os.export.bundling import FORMATS, Bundle, Format
from lev_os.export.bundling.remembered import bundle_folders

MANIFEST = """format = 1
name = "shop"

[exports]
"./contexts/index" = { llm-first = "./contexts/index.md" }
"./contexts/*" = { llm = "./contexts/*.md" }
"""


def write(root: Path, contexts: Mapping[str, str | bytes], manifest: str = MANIFEST) -> Path:
    """A package `shop` with these contexts."""
    folder = root / "shop"
    (folder / "contexts").mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").touch()
    (folder / "lev.toml").write_text(manifest, encoding="utf-8")
    for name, text in contexts.items():
        (folder / "contexts" / f"{name}.md").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def head(**metadata: object) -> str:
    """A frontmatter with our keys."""
    lines = "".join(f'  lev-{key}: "{value}"\n' for key, value in metadata.items())
    return f"---\nmetadata:\n{lines}---\n"


def states(made: Bundle) -> dict[str, str]:
    """The state of each part, by the last part of its name."""
    return {part.specifier.rpartition("/")[2]: part.state for part in made.parts}


def whys(made: Bundle) -> dict[str, str]:
    return {part.specifier.rpartition("/")[2]: part.why for part in made.parts}


def test_required_first_then_what_the_task_needs(tmp_path: Path) -> None:
    """What is `llm-first` comes whatever the task is; the rest by relevance until the budget is spent."""
    texts = {"index": "# Shop\n\nWe sell tea.\n", "tea": "# Brewing\n\nSteep it for three minutes.\n"}
    texts |= {"cups": "# Cups\n\nCups are washed by hand, and dried with a cloth that is used for nothing else.\n"}
    root = write(tmp_path, texts)
    made = bundle(root, budget=50, task="how long is tea steeped?")
    assert states(made) == {"index": "in", "tea": "in", "cups": "out"}
    assert whys(made)["index"] == "llm-first"
    assert made.tokens == tokens.count(made.text) <= 50
    assert made.receipt()["parts"][0]["specifier"] == "shop/contexts/index"


def test_without_a_task_priorities_decide(tmp_path: Path) -> None:
    """The higher priority first, then the name."""
    root = write(
        tmp_path, {"a": head(priority="10") + "Alpha.\n", "b": head(priority="90") + "Beta.\n", "c": "Gamma.\n"}
    )
    made = bundle(root, budget=4000)
    assert [part.specifier[-1] for part in made.parts] == ["b", "c", "a"]
    assert whys(made)["b"] == "priority 90"


def test_a_long_context_is_cut_at_headings(tmp_path: Path) -> None:
    """The part that is left keeps the headings that stand over it, and says that it is cut."""
    filler = "\n\n".join(f"## Chapter {i}\n\n" + "word " * 60 for i in range(20))
    last = f"### Descaling\n\nPour vinegar into the tank.\n\n### Grinding\n\n{'bean ' * 80}\n"
    text = f"# Manual\n\n{filler}\n\n## Machine\n\n{last}"
    root = write(tmp_path, {"manual": text})
    made = bundle(root, budget=80, task="descale with vinegar")
    part = made.parts[0]
    assert part.state == "cut"
    assert f"(cut: {len(part.sections)} of {part.of} sections)" in made.text
    assert made.text.index("# Manual") < made.text.index("## Machine") < made.text.index("### Descaling")
    assert "[…]" in made.text
    assert "Grinding" not in made.text


def test_a_heading_in_code_is_no_heading(tmp_path: Path) -> None:
    """Fenced code is never cut."""
    text = "# One\n\n```sh\n# a comment\nls\n```\n\n## Two\n\nText.\n"
    root = write(tmp_path, {"one": text})
    assert bundle(root, budget=4000).parts[0].of == 2


def test_what_is_required_comes_along(tmp_path: Path) -> None:
    """Before what requires it, also in a circle; not when it does not exist."""
    texts = {
        "a": head(requires="./contexts/b") + "# Refund\n\nGive money back.\n",
        "b": head(requires="shop/contexts/a") + "# Limits\n\nNever above ten.\n",
        "c": head(requires="./contexts/gone") + "# Refund too\n\nMoney back.\n",
    }
    made = bundle(write(tmp_path, texts), budget=4000, task="refund money")
    assert states(made) == {"a": "in", "b": "in", "c": "out"}
    assert whys(made)["b"] == "required by shop/contexts/a"
    assert "requires shop/contexts/gone" in whys(made)["c"]
    assert made.text.index("Limits") < made.text.index("# Refund")


def test_what_conflicts_is_never_together(tmp_path: Path) -> None:
    """Whichever of the two says so; the reason is in the receipt."""
    texts = {"old": "# Old refunds\n\nRefund by cheque.\n"}
    texts["new"] = head(conflicts="./contexts/old", priority="90") + "# New refunds\n\nRefund by card.\n"
    made = bundle(write(tmp_path, texts), budget=4000, task="refund")
    assert states(made) == {"new": "in", "old": "out"}
    assert whys(made)["old"] == "it conflicts with shop/contexts/new"


def test_a_conflict_with_nothing_is_told(tmp_path: Path) -> None:
    """In the receipt, as a requirement of what is not there is; one with a text of another source is nobody's error."""
    (tmp_path / "docs").mkdir()
    conflicts = "./gone.md lev_os.core/contexts/executive"
    (tmp_path / "docs" / "a.md").write_text(head(conflicts=conflicts) + "# A\n", encoding="utf-8")
    [part] = bundle(tmp_path / "docs", budget=4000).parts
    assert part.why == "priority 50; conflicts with docs/gone.md: there is no package 'docs'"


def test_what_is_no_file_is_in_the_receipt(tmp_path: Path) -> None:
    """A link that leads nowhere, a pipe: named like texts, out, and nothing waits for them."""
    (tmp_path / "docs" / "folder.md").mkdir(parents=True)
    (tmp_path / "docs" / "a.md").write_text("# A\n", encoding="utf-8")
    (tmp_path / "docs" / "link.md").symlink_to("nowhere")
    os.mkfifo(tmp_path / "docs" / "pipe.md")
    made = bundle(tmp_path / "docs", budget=4000)
    assert states(made) == {"a.md": "in", "link.md": "out", "pipe.md": "out"}
    assert (whys(made)["link.md"], whys(made)["pipe.md"]) == (
        "it is a link that leads nowhere",
        "it is no regular file",
    )


def test_conflicting_required_parts_are_an_error(tmp_path: Path) -> None:
    """Nothing can be left out of what must be there."""
    manifest = MANIFEST.replace('"./contexts/*" = { llm =', '"./contexts/*" = { llm-first =')
    root = write(tmp_path, {"index": "One.\n", "b": head(conflicts="./contexts/index") + "Two.\n"}, manifest)
    with pytest.raises(LevError, match="must be in the bundle and cannot be: it conflicts with"):
        bundle(root, budget=4000)


@pytest.mark.parametrize("budget", [0, -1])
def test_a_budget_of_nothing_is_refused(tmp_path: Path, budget: int) -> None:
    """With a figure that is usual."""
    with pytest.raises(LevError, match="holds nothing"):
        bundle(write(tmp_path, {"a": "Text.\n"}), budget=budget)


def test_a_budget_below_what_is_required_names_the_numbers(tmp_path: Path) -> None:
    """And the way out."""
    root = write(tmp_path, {"index": "# Shop\n\n" + "tea " * 100})
    with pytest.raises(LevError, match=r"has \d+ tokens, and the budget is 20: shop/contexts/index") as caught:
        bundle(root, budget=20)
    assert "--budget" in str(caught.value)


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_required_needs_no_token_more_than_it_has(tmp_path: Path, form: Format) -> None:
    """The smallest budget is the count of the text, and it is what the refusal of a smaller one names."""
    root = write(tmp_path, {"index": '# Shop\n\n"Tea" for everybody.\n'})
    least = bundle(root, budget=4000, form=form).tokens
    assert bundle(root, budget=least, form=form).tokens == least
    with pytest.raises(
        LevError, match=f"(?s)has {least} tokens, and the budget is {least - 1}: .*--budget {least} holds"
    ):
        bundle(root, budget=least - 1, form=form)


def test_no_passage_twice(tmp_path: Path) -> None:
    """A paragraph that two contexts share is there once, and the receipt says where."""
    shared = "Every refund needs the approval of a person, who sees the order and the amount before it is paid out."
    root = write(
        tmp_path,
        {"a": f"# A\n\n{shared}\n\nOnly A.\n", "b": f"# B\n\nOnly B.\n\n{shared}\n", "c": f"# C\n\n{shared}\n"},
    )
    made = bundle(root, budget=4000)
    assert made.text.count(shared) == 1
    assert "Only B." in made.text
    by_name = {part.specifier: part for part in made.parts}
    assert by_name["shop/contexts/b"].repeats == ("shop/contexts/a",)
    assert by_name["shop/contexts/c"].state == "out"
    assert "all of it is in" in by_name["shop/contexts/c"].why


def test_links_name_what_is_in_the_bundle(tmp_path: Path) -> None:
    """Relative links become names; web addresses, code and what is not exported stay as they are."""
    text = "# A\n\nSee [b](b.md#top), [web](https://example.org/b.md), `[b](b.md)`, [gone](gone.md).\n"
    made = bundle(write(tmp_path, {"a": text, "b": "# B\n\nText.\n"}), budget=4000)
    assert "[b](lev://shop/contexts/b#top)" in made.text
    assert "[web](https://example.org/b.md)" in made.text
    assert "`[b](b.md)`" in made.text
    assert "[gone](gone.md)" in made.text


def test_links_whose_targets_stand_elsewhere(tmp_path: Path) -> None:
    """`[text][name]` is a link as well: its target is replaced where it stands, and not where code shows one."""
    text = "# A\n\nSee [b][far], [c] and [web].\n\n```\n[far]: b.md\n```\n\n## More\n\n"
    root = write(
        tmp_path,
        {
            "a": f'{text}[far]: b.md#top "B, see b.md"\n[c]: <c.md>\n[web]: https://example.org/b.md\n[^c]: c.md\n',
            "b": "# B\n",
            "c": "# C\n",
        },
    )
    made = bundle(root, budget=4000)
    for line in (
        '[far]: lev://shop/contexts/b#top "B, see b.md"',
        "[c]: <lev://shop/contexts/c>",
        "[web]: https://example.org/b.md",
        "[^c]: c.md",
        "```\n[far]: b.md\n```",
    ):
        assert line in made.text


def test_a_folder_needs_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CRLF, a byte order mark and a missing last line end are no difference; what cannot be read is told."""
    monkeypatch.chdir(tmp_path)
    docs = tmp_path / "docs"
    (docs / "deep").mkdir(parents=True)
    (docs / "a.md").write_bytes(b"\xef\xbb\xbf# A\r\n\r\nFirst [b](deep/b.md).\r\n")
    (docs / "deep" / "b.md").write_bytes(b"# B\n\nSecond")
    (docs / "bad.md").write_bytes(b"\xff\xfe")
    (docs / "empty.md").touch()
    (docs / "big.txt").write_text("word " * 300_000)
    (docs / "image.png").write_bytes(b"\x89PNG")
    made = bundle("docs", budget=4000)
    assert (
        made.text
        == "<!-- docs/a.md -->\n\n# A\n\nFirst [b](docs/deep/b.md).\n\n<!-- docs/deep/b.md -->\n\n# B\n\nSecond\n"
    )
    assert states(made) == {"a.md": "in", "b.md": "in", "bad.md": "out", "empty.md": "out", "big.txt": "out"}
    assert "is not UTF-8" in whys(made)["bad.md"]
    assert whys(made)["empty.md"] == "it is empty"
    assert "1,048,576" in whys(made)["big.txt"]


def test_a_circle_is_taken_back_as_a_whole(tmp_path: Path) -> None:
    """Whole or not at all, also where the count of the whole text is a token above that of its parts."""
    for start in ("tea tea tea", "tea tea tea tea tea"):
        for number, text in enumerate(["tea tea tea", f"{start}\n\n# tea tea tea tea tea tea tea tea tea tea"]):
            (tmp_path / f"{number}.md").write_text(head(requires=f"./{1 - number}.md") + text)
        for budget in range(1, 50):
            assert len(set(states(bundle(tmp_path, budget=budget)).values())) == 1, (start, budget)
        assert set(states(bundle(tmp_path, budget=50)).values()) == {"in"}


def test_another_package_is_required_by_its_name(tmp_path: Path) -> None:
    """Its name stands for what it says first."""
    folder = write(tmp_path, {"a": head(requires="acme_support") + "Refunds.\n"})
    made = bundle(folder, budget=4000)
    assert {part.specifier: part.state for part in made.parts}["acme_support"] == "in"
    assert states(made)["a"] == "in"


def test_a_name_that_is_not_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file stays out and is told of; nothing that is written afterwards breaks of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / os.fsdecode(b"\xff.md")).write_text("# A\n")
    for made in (bundle("docs", budget=99), bundle_folders(["docs"], budget=99, task=None, form="md", embedder=None)):
        assert [(part.specifier, part.why) for part in made.parts] == [("docs/\\udcff.md", "its name is not UTF-8")]


def test_a_wheel_that_only_brings_skills(tmp_path: Path) -> None:
    """Its skills, and the files that they send a model to; what leads out of the package is left out."""
    skill = tmp_path / "pkg" / ".agents" / "skills" / "use-it"
    (skill / "references").mkdir(parents=True)
    (skill / "SKILL.md").write_text("---\nname: use-it\ndescription: D.\n---\n# Use\n\n[more](references/more.md)\n")
    (skill / "references" / "more.md").write_text("# More\n\nRead [this](../SKILL.md).\n")
    (tmp_path / "secret.md").write_text("Secret.\n")
    (skill / "references" / "out.md").symlink_to(tmp_path / "secret.md")
    made = bundle(Package("pkg", tmp_path / "pkg", "wheel-skills", skills=["use-it"]), budget=200)
    assert states(made) == {"use-it": "in", "more.md": "in"}
    assert "[more](pkg/skills/use-it/references/more.md)" in made.text
    assert "<!-- pkg/skills/use-it/references/more.md -->" in made.text


def test_what_nobody_named(tmp_path: Path) -> None:
    """Of installed packages only what has to do with the task; nothing must come, and a broken one stops nothing."""
    texts = {"index": "# Shop\n\nWe sell tea.\n", "cups": "# Cups\n\nWash by hand.\n"}
    texts |= {"lens": head(kind="personality") + "Argue about tea.\n"}
    package = load_package(write(tmp_path / "one", texts))
    broken = write(tmp_path / "two", {}, "format = 1\nname = 'shop'\n[exports]\nx = 1\n")
    made = bundle(budget=200, task="tea", installed=[package, Package("other", broken)])
    assert states(made) == {"index": "in", "cups": "out", "other": "out"}
    assert whys(made)["cups"] == "nothing in it is about the task"
    assert states(bundle(budget=200, installed=[package])) == {"index": "in", "cups": "in"}
    assert states(bundle(package.export("./contexts/lens"), budget=200)) == {"lens": "in"}


def test_sources_that_are_not_there(tmp_path: Path) -> None:
    """A name, a specifier and a path that lead nowhere."""
    root = write(tmp_path, {"a": "Text.\n"})
    with pytest.raises(LevError, match="does not exist"):
        bundle(tmp_path / "nowhere", budget=100)
    with pytest.raises(LevError, match="there is no package"):
        bundle("no_such_package", budget=100)
    with pytest.raises(LevError, match="does not export"):
        bundle(load_package(root).export("./contexts/nope"), budget=100)


def test_other_sources(tmp_path: Path) -> None:
    """A configuration, an export, and a flow by its name."""
    root = write(tmp_path, {"a": "Alpha.\n", "b": "Beta.\n"})
    assert states(bundle(PackageConfig(contexts_dir=root / "contexts"), budget=100)) == {"a": "in", "b": "in"}
    assert states(bundle(load_package(root).export("./contexts/a"), budget=100)) == {"a": "in"}
    flow = bundle("acme_support/flows/refund", budget=4000)
    assert "```yaml\nflowmind: 1" in flow.text


def test_the_formats_hold_the_same(tmp_path: Path) -> None:
    """Each can be read by its own reader, whatever the text holds, and all count exactly."""
    text = '# A\n\n"Quotes", <tags> & ]]> ends.\n'
    root = write(tmp_path, {"a": text})
    for form in FORMATS:
        made = bundle(root, budget=4000, form=form)
        assert made.tokens == tokens.count(made.text)
    parsed = ElementTree.fromstring(bundle(root, budget=4000, form="xml").text)
    assert parsed[0].attrib == {"specifier": "lev://shop/contexts/a"}
    assert (parsed[0].text or "").strip() == text.strip()
    given = json.loads(bundle(root, budget=4000, form="json").text)
    assert given == {"parts": [{"specifier": "lev://shop/contexts/a", "text": f"{text}\n"}]}


_words = st.sampled_from(
    ["tea", "cup", "refund", "Größe", "中文", "🧠", "/path", "  indented", "`code`", "…", "#", "]]>", '"']
)
_line = st.lists(_words, min_size=1, max_size=30).map(" ".join)
_block = st.one_of(
    _line,
    st.tuples(st.integers(1, 4), _line).map(lambda made: f"{'#' * made[0]} {made[1]}"),
    _line.map(lambda line: f"```py\n# {line}\n\n{line}\n```"),
    st.just("The same long paragraph, which is found in more than one of the contexts of this package."),
)
_text = st.lists(_block, max_size=12).map("\n\n".join)


_names = st.lists(st.sampled_from(["0.md", "1.md", "2.md", "3.md", "gone.md"]), max_size=2, unique=True)
_told = st.fixed_dictionaries({"requires": _names, "conflicts": _names, "priority": st.integers(0, 100)})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.tuples(_text, _told), min_size=1, max_size=4),
    budget=st.integers(1, 600),
    task=st.one_of(st.none(), _line),
    form=st.sampled_from(FORMATS),
)
def test_never_over_the_budget(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[tuple[str, dict[str, Any]]],
    budget: int,
    task: str | None,
    form: Format,
) -> None:
    """Random texts, budgets and tasks: an exact count within the budget, the same each time, and nobody is betrayed."""
    folder = tmp_path_factory.mktemp("docs")
    for number, (text, told) in enumerate(texts):
        named = {key: " ".join(f"./{name}" for name in told[key]) for key in ("requires", "conflicts")}
        (folder / f"{number}.md").write_text(head(priority=told["priority"], **named) + text, encoding="utf-8")
    budget += 0 if form == "md" else 20  # what stands around no parts at all
    made = bundle(folder, budget=budget, task=task, form=form)
    assert made.tokens == tokens.count(made.text) <= budget
    assert bundle(folder, budget=budget, task=task, form=form) == made
    found = states(made)
    assert set(found) == {f"{number}.md" for number in range(len(texts))}
    for number, (_, told) in enumerate(texts):
        own = f"{number}.md"
        if found[own] != "out":
            assert not any(found.get(name, "out") != "out" for name in told["conflicts"] if name != own)
            assert all(
                found[name] == "in" or _is_said_elsewhere(made, name) for name in told["requires"] if name != own
            )


def _is_said_elsewhere(made: Bundle, name: str) -> bool:
    return whys(made)[name].startswith(("it is empty", "all of it is in"))
