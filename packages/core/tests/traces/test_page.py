"""The page of a run: complete, self-contained, and indifferent to what texts hold."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lev_os.core import Flow
from lev_os.core.bidirectional import Run, run_sync
from lev_os.core.constitutional import Constitution, Gate
from lev_os.core.traces import as_html, read_run
from lev_os.core.traces import page as page_module
from lev_os.core.traces.style import CSS
from lev_os.core.traces.texts import escaped, one_line, plain
from traced import OPEN, Says, approved, carried_out, work

HOSTILE = (
    '</pre><script>alert(1)</script><img src=x onerror=alert(1)> \u202egnp.exe" onload="x \x1b[31m --> &lt; \u2066'
)
VOID = {"meta", "rect", "path"}


class Elements(HTMLParser):
    """The elements of a page with their attributes; fails where they do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID and tag not in ("th", "td"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    @classmethod
    def of(cls, page: str) -> Elements:
        parsed = cls()
        parsed.feed(page)
        parsed.close()
        assert not parsed.open
        return parsed


def page_of(journal: Path) -> str:
    return as_html(read_run(journal))


def test_a_page_tells_what_happened(tmp_path: Path) -> None:
    """Steps, effects, prompts, tokens, costs, who decided and why an attempt failed."""
    page = page_of(carried_out(tmp_path / "run.jsonl"))
    for fact in (
        "Summarise this: a text", "decided by big:model", "1,000 tokens in, 40 out", "$0.250000", "not for Bob",
        "Attempt 1: refused", "Told of the attempt before", "call ×3", "tool: allow, post: allow", "cancelled",
    ):  # fmt: skip
        assert fact in page, fact


def test_a_page_needs_nothing_else(tmp_path: Path) -> None:
    """No script, no link but within the page, and a policy that allows its own style alone."""
    page = page_of(carried_out(tmp_path / "run.jsonl", HOSTILE, HOSTILE))
    elements = Elements.of(page).found
    assert {tag for tag, _ in elements} <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "b", "span", "div", "code", "pre",
        "svg", "g", "a", "rect", "path", "text", "details", "summary", "table", "tr", "th", "td",
    }  # fmt: skip
    for tag, attributes in elements:
        assert not any(name.startswith("on") or name in ("src", "style") for name in attributes), (tag, attributes)
        assert (attributes.get("href") or "#").startswith("#")
    [policy] = [found["content"] for _, found in elements if found.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert f"<style>{CSS}</style>" in page


def test_links_lead_to_elements_of_the_page(tmp_path: Path) -> None:
    """A step leads to its first effect, and every anchor is there once."""
    elements = Elements.of(page_of(carried_out(tmp_path / "run.jsonl"))).found
    anchors = [found["id"] for _, found in elements if "id" in found]
    assert len(anchors) == len(set(anchors))
    links = [(found["href"] or "")[1:] for tag, found in elements if tag == "a"]
    assert len(links) == 4
    assert set(links) <= set(anchors)


def test_the_taken_way_is_marked(tmp_path: Path) -> None:
    """The branch `many` was taken, `few` and `default` were not."""
    page = page_of(carried_out(tmp_path / "run.jsonl"))
    assert re.search(r'class="way taken"[^>]*>many<', page)
    assert re.search(r'class="way"[^>]*>few<', page)
    assert re.search(r'class="way"[^>]*>default<', page)


def test_hostile_texts_are_only_text(tmp_path: Path) -> None:
    """Markup is escaped; what reorders text or drives a terminal is written out."""
    page = page_of(carried_out(tmp_path / "run.jsonl", HOSTILE, HOSTILE))
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;U+202E&gt;gnp.exe" in page
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", page)


def test_decisions_contexts_and_approvals_are_told(tmp_path: Path) -> None:
    """Who decided and why, which context was seen and its text on demand, and what a person said."""
    page = page_of(approved(tmp_path))
    for fact in (
        "<td>kind<td>money<td>big:model", "it says so", "none given", "ASK-FIRST (ask)",
        "A person approved it: checked &lt;twice&gt;", "Write &lt;b&gt;briefly&lt;/b&gt;.", "tool: ask",
    ):  # fmt: skip
        assert fact in page, fact
    assert page.count('href="#c0"') == 1
    assert page.count('id="c0"') == 1
    assert re.search(r'class="way taken"[^>]*>money<', page)
    assert re.search(r'class="way"[^>]*>time<', page)


def test_a_run_that_failed_or_did_nothing_is_shown(tmp_path: Path) -> None:
    """The error and why it was cancelled stand at the top; a run without effects says so."""
    gate = Gate(Constitution.parse(OPEN))
    head = "flowmind: 1\nname: f\ninput: {}\nsteps:\n"
    failing = Flow.parse(head + "  - call: ./tools/work\n    with: {name: Bob}\n")
    run_sync(failing, tools={"./tools/work": work}, gate=gate, journal=tmp_path / "a.jsonl", fsync=False)
    assert "<b>tool</b>: ValueError: not for Bob" in page_of(tmp_path / "a.jsonl")
    run_sync(Flow.parse(head + "  - return: 1\n"), gate=gate, journal=tmp_path / "b.jsonl", fsync=False)
    assert "asked for nothing outside itself" in page_of(tmp_path / "b.jsonl")
    with Run.start(Flow.parse(head + "  - wait: w\n"), gate=gate, journal=tmp_path / "c.jsonl", fsync=False) as run:
        run.cancel("not <wanted>")
    assert "Cancelled: not &lt;wanted&gt;" in page_of(tmp_path / "c.jsonl")


def test_many_effects_are_folded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a number they are in groups that say what failed; beyond another they are left to the journal."""
    journal = carried_out(tmp_path / "run.jsonl")
    monkeypatch.setattr(page_module, "_UNGROUPED", 3)
    monkeypatch.setattr(page_module, "_GROUP", 2)
    assert '<summary>Effects 3 to 4, <span class="bad">1 failed</span>' in page_of(journal)
    monkeypatch.setattr(page_module, "MAX_ATTEMPTS", 3)
    assert "4 more effects are in the journal" in page_of(journal)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from("<>&\"'\u202e\u2066\x1b\x00\u200b")))
def test_any_text_comes_out_safe(text: str) -> None:
    """No markup, no control, nothing unseen; and one line stays one line."""
    shown = escaped(text)
    assert not set("<>\"'") & set(shown)
    assert all(unicodedata.category(c) != "Cc" or c in "\n\t" for c in shown)
    assert all(
        unicodedata.bidirectional(c) not in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI")
        for c in shown
    )
    assert "\n" not in one_line(text)


@given(st.text(alphabet="a<&🙂\u202e"), st.integers(1, 50))
def test_a_text_takes_no_more_room_than_it_may(text: str, limit: int) -> None:
    """Bytes of HTML are counted, however long the escapes are, and what is left out is counted too."""
    shown, left = plain(text, limit)
    assert len(escaped(text[: len(text) - left]).encode()) <= limit
    assert left or "a" * len(text) != text or shown == text


LOOP = """\
flowmind: 1
name: big
input: {n: integer}
steps:
  - for_each: i in input.items
    max_concurrency: 4
    collect: null
    do:
      - call: ./tools/work
        with: {name: "${i}"}
  - wait: end
"""


@pytest.mark.slow
def test_ten_thousand_effects_make_a_usable_page(tmp_path: Path) -> None:
    """Under 15 MB, in seconds, collapsed in groups, whatever the texts are."""
    flow = Flow.parse(LOOP.replace("{n: integer}", "{items: {type: array, items: {type: string}}}"))
    journal = tmp_path / "big.jsonl"
    items: list[Any] = ["<&\u202e🙂" * 9 + str(number) for number in range(10_000)]
    run_sync(
        flow,
        {"items": items},
        tools={"./tools/work": work},
        journal=journal,
        gate=Gate(Constitution.parse(OPEN)),
        fsync=False,
    )
    view = read_run(journal)
    assert len(view.effects) == 10_001
    page = as_html(view)
    assert len(page.encode()) < 15_000_000
    assert page.count('<details class="group">') == 40
    assert "1 more effects are in the journal" in page
    Elements.of(page)


def test_a_flow_of_many_steps_is_drawn_in_one_pass(tmp_path: Path) -> None:
    """Deep and wide flows: as many boxes as steps, none beside the picture."""
    deep = "".join(f'{"    " * depth}  - if: "true"\n{"    " * depth}    then:\n' for depth in range(20))
    wide = "  - switch: \"'c7'\"\n    cases:\n" + "".join(f"      c{n}: [{{set: {{x: 1}}}}]\n" for n in range(200))
    text = f"flowmind: 1\nname: many\ninput: {{}}\nsteps:\n{wide}{deep}{'    ' * 20}  - set: {{y: 2}}\n"
    journal = tmp_path / "many.jsonl"
    run_sync(Flow.parse(text), journal=journal, gate=Gate(Constitution.parse(OPEN)), fsync=False)
    elements = Elements.of(page_of(journal)).found
    [picture] = [found for tag, found in elements if tag == "svg" and found.get("class") == "graph"]
    boxes = [found for tag, found in elements if tag == "rect"]
    assert len(boxes) == 1 + 200 + 20 + 1
    assert all(0 <= float(box["x"] or -1) <= float(picture["width"] or 0) for box in boxes)
    taken = [found for tag, found in elements if tag == "g" and found.get("class") == "step taken"]
    assert len(taken) == 1 + 1 + 20 + 1


def test_sub_flows_are_drawn_and_their_effects_found(package_runs: Path) -> None:
    """Each flow has a picture of its own; an effect of a sub-flow leads to its step there."""
    page = page_of(package_runs)
    pictures = [found for tag, found in Elements.of(page).found if tag == "svg" and found.get("class") == "graph"]
    assert len(pictures) == 2
    assert "Sub-flow" in page
    assert page.count('href="#e0"') == 1


@pytest.fixture
def package_runs(tmp_path: Path) -> Path:
    """The journal of a flow that runs another."""
    package = tmp_path / "outer_pack"
    (package / "flows").mkdir(parents=True)
    (package / "lev.toml").write_text(
        'format = 1\nname = "outer_pack"\ndescription = "A flow in a flow."\n'
        '[exports]\n"./flows/*" = "./flows/*.yaml"\n'
    )
    head = "flowmind: 1\nname: {0}\ndescription: A flow.\ninput: {{}}\nsteps:\n"
    inner = head.format("inner") + '  - id: a\n    ask: hi\n  - return: "${a}"\n'
    outer = head.format("outer") + '  - id: b\n    flow: ./flows/inner\n  - return: "${b}"\n'
    (package / "flows" / "inner.yaml").write_text(inner)
    (package / "flows" / "outer.yaml").write_text(outer)
    from lev_os.core.packaging import load_package

    loaded = load_package(package)
    flow = Flow.parse(outer, package=loaded, specifier="outer_pack/flows/outer")
    journal = tmp_path / "sub.jsonl"
    done = run_sync(flow, model=Says({"answer": "hello"}), journal=journal, fsync=False)
    assert done.output == "hello", done.error
    return journal
