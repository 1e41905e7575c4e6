"""The local classifier: sure where examples are near, silent where they are not."""

from __future__ import annotations

import asyncio
import csv
import importlib.util
import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from lev_os.core import Flow
from lev_os.core.bidirectional import Run, replay, run_sync
from lev_os.core.llm_runtime import NoModel, embedding, open_judge, static, store
from lev_os.core.llm_runtime.background import SENTENCES
from lev_os.core.llm_runtime.classifier import Classifier, Condition
from lev_os.core.llm_runtime.examples import usable

pytest.importorskip("wordllama", reason="needs the extra `local`")
import numpy as np
from lev_os.core.llm_runtime.fitting import fit
from lev_os.core.llm_runtime.logistic import softmax

EXAMPLES = {
    "refund": [
        "I was charged twice",
        "I want my money back",
        "the amount on my statement is wrong",
        "please refund this payment",
        "there is a charge I did not make",
        "you took money from me two times",
        "give me a refund for this order",
        "I was charged the wrong amount",
        "why was my account charged two times",
        "return the money for my last payment",
    ],
    "card": [
        "my card has not arrived",
        "the machine swallowed my card",
        "my card does not work in shops",
        "how do I activate my new card",
        "I lost my card",
        "when does my card come in the mail",
        "the shop would not take my card",
        "I am still waiting for my new card",
        "my new card does not work",
        "where is the card I ordered",
    ],
}
FEW = {label: texts[:6] for label, texts in EXAMPLES.items()}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test begins with an empty cache folder, and with no embedder named."""
    monkeypatch.setenv("LEV_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("LEV_EMBEDDER", raising=False)
    monkeypatch.chdir(tmp_path)


def request(about: str | None, examples: dict[str, list[str]] | None = None, **more: Any) -> dict[str, Any]:
    """What the machine asks."""
    shown = EXAMPLES if examples is None else examples
    base = {"purpose": "condition", "step": "kind", "statement": "what the customer wants", "about": about}
    return {**base, "labels": list(shown), "examples": shown, "confidence": 0.7, **more}


def judge(about: str | None, examples: dict[str, list[str]] | None = None, **more: Any) -> dict[str, Any]:
    """One judgement."""
    local = open_judge()
    assert local is not None
    return asyncio.run(local.judge(request(about, examples, **more)))


def test_a_text_like_the_examples_of_one_label_gets_that_label() -> None:
    """With a confidence that means something, and the evidence for it."""
    result = judge("Why was I charged two times for the same thing?")
    assert result["label"] == "refund"
    assert 0.7 <= result["confidence"] <= 1.0
    assert result["calibrated"]
    assert "“refund”" in result["evidence"]
    assert result["decided_by"].startswith("classifier:wordllama@")


@pytest.mark.parametrize(
    "about",
    [
        "The mitochondria is the powerhouse of the cell",
        "asdf qwer",
        "Wie wird das Wetter morgen in den Bergen?",
        "山の天気はどうですか",
        "We went to the beach with the children and it was lovely. " * 20_000,
    ],
)
def test_a_text_unlike_any_example_is_left_to_the_model(about: str) -> None:
    """Nonsense, other subjects, other languages, a megabyte: novelty abstains, however clear the label would be."""
    result = judge(about)
    assert result["label"] is None
    assert "unlike any example" in result["evidence"]


@pytest.mark.parametrize("about", ["", " \n\t", None])
def test_without_a_text_nothing_is_judged(about: str | None) -> None:
    """An empty message is like no example, and like no other text."""
    result = judge(about)
    assert (result["label"], result["evidence"]) == (None, "there is no text to judge")


def test_half_a_character_is_left_to_the_model() -> None:
    """A lone surrogate, as JSON may bring it, is no text; the texts beside it are judged all the same."""
    broken, whole = Classifier("wordllama").decide(request(""), ["I was charged \ud83d twice", "I lost my card"])
    assert broken["label"] is None
    assert broken["evidence"] == "character 15 is half of a character (a lone surrogate)"
    assert whole["label"] == "card"
    assert judge("\udc00")["label"] is None


def test_a_text_between_two_labels_is_left_to_the_model() -> None:
    """Below the threshold there is no label, but the evidence says which was nearest."""
    result = judge("my card was charged", confidence=0.99)
    assert result["label"] is None
    assert result["calibrated"]
    assert "is below 0.99" in result["evidence"]


def test_an_example_itself_is_certain() -> None:
    """Its author has said what it is; case and spaces do not matter."""
    result = judge("  i LOST my card ", confidence=0.99)
    assert (result["label"], result["confidence"]) == ("card", 1.0)


def test_without_a_threshold_the_recommended_one_holds() -> None:
    """It is above one half, more so the fewer examples there are."""
    found = Classifier("wordllama").condition(request("x"))
    assert isinstance(found, Condition)
    assert found.threshold == 0.62
    assert judge("Why was I charged two times?", confidence=None)["label"] == "refund"


def test_examples_that_nothing_tells_apart_have_no_threshold() -> None:
    """Each label has every other example of both subjects: confidence stays low, and nothing is answered."""
    mixed = [text for pair in zip(*EXAMPLES.values(), strict=True) for text in pair]
    muddle = {"one": mixed[0::4] + mixed[1::4], "other": mixed[2::4] + mixed[3::4]}
    found = Classifier("wordllama").condition(request("x", muddle))
    assert isinstance(found, Condition)
    assert found.threshold is None
    result = judge("my new card was charged", muddle, confidence=None)
    assert result["label"] is None
    assert "no threshold is accurate enough" in result["evidence"]


def test_too_few_examples_to_calibrate() -> None:
    """With twelve in all a plain case is decided, without a number, and it is said why."""
    sure, unsure = judge("please refund the payment", FEW), judge("my card was charged", FEW)
    assert (sure["label"], sure["confidence"], sure["calibrated"]) == ("refund", None, False)
    assert "12 examples are too few to calibrate" in sure["evidence"]
    assert (unsure["label"], unsure["confidence"], unsure["calibrated"]) == (None, None, False)


@pytest.mark.parametrize(
    ("examples", "why"),
    [
        ({"yes": [], "no": []}, "“yes” (and 1 more) has 0 usable examples, and every label needs 5"),
        ({"yes": ["a"], "no": EXAMPLES["card"]}, "“yes” has 1 usable example, "),
        ({"yes": EXAMPLES["refund"], "no": EXAMPLES["card"][:4]}, "“no” has 4 usable examples"),
        ({"yes": ["I lost my card"] * 9, "no": EXAMPLES["card"][:4]}, "usable"),
        ({"only": EXAMPLES["card"]}, "fewer than two labels"),
    ],
)
def test_under_five_examples_a_label_there_is_no_local_tier(examples: dict[str, list[str]], why: str) -> None:
    """None, one, four, copies of one: the model is asked, and it is said what lacks."""
    result = judge("I lost my card", examples)
    assert result["label"] is None
    assert why in result["evidence"]
    assert not result["calibrated"]


def test_a_label_without_examples_leaves_all_to_the_model() -> None:
    """What may be `something else` cannot be known from the examples of the rest."""
    assert judge("I want my money back", labels=["refund", "card", "something else"])["label"] is None


def test_contradictory_examples_are_left_out() -> None:
    """A text that stands under two labels speaks for neither."""
    both = {label: [*texts, "  Is this RIGHT?"] for label, texts in EXAMPLES.items()}
    both["card"][-1] = "is this right?"
    found = usable(list(both), both)
    assert found.contradictory == ("is this right?",)
    assert found.count == 20
    assert judge("is this right?", both)["label"] is None


def test_a_hundred_cases() -> None:
    """Are fitted, and each is still found."""
    colours = ("red", "blue", "old", "wet", "loud", "small", "round", "cheap", "lost", "sweet")
    things = ("apple", "train", "shirt", "piano", "river", "lamp", "dog", "letter", "boat", "cake")
    words = [f"{colour} {thing}" for colour in colours for thing in things]
    frames = ("I have a {}", "where is the {}", "sell me one {}", "tell me of a {}", "this is my {}", "the {} is here")
    examples = {word: [frame.format(word) for frame in frames] for word in words}
    local = Classifier("wordllama")
    results = local.decide(request(None, examples, confidence=0.5), [f"here is a {word}" for word in words])
    answered = [(result["label"], word) for result, word in zip(results, words, strict=True) if result["label"]]
    assert len(answered) > 50
    assert sum(label == word for label, word in answered) / len(answered) > 0.9


def test_examples_in_another_language() -> None:
    """What the examples are in is what is understood."""
    german = {
        "ja": ["das ist gut", "sehr gut, danke", "alles gut", "das finde ich gut", "gut gemacht", "wirklich sehr gut",
               "gut so", "das war gut", "gute Arbeit", "so ist es gut"],
        "nein": ["das ist falsch", "alles falsch", "leider falsch", "falsch gemacht", "das war falsch", "ganz falsch",
                 "falsche Antwort", "wieder falsch", "das finde ich falsch", "falsch verstanden"],
    }  # fmt: skip
    assert judge("das ist wirklich gut", german)["label"] == "ja"
    assert judge("das ist leider ganz falsch", german)["label"] == "nein"


def test_conditions_are_fitted_once_and_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest of labels and examples names a fit."""
    from lev_os.core.llm_runtime import classifier

    monkeypatch.setattr(classifier, "_CACHE", 2)
    local = Classifier("wordllama")
    for number in (1, 2, 1, 3, 1):
        local.decide(request("x", {"yes": [f"yes {number}"], "no": [f"no {number}"]}), ["x"])
    assert len(local._fitted) == 2
    assert local.condition(request("x")) is local.condition(request("y"))


def test_the_next_process_fits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fit lies on disk, readable by its owner alone, and gives the same answers."""
    from lev_os.core.llm_runtime import classifier

    first = Classifier("wordllama").decide(request(None), ["I was charged again", "card?"])
    (file,) = Path.cwd().glob("fits/*.fit")
    assert file.stat().st_mode & 0o077 == 0
    monkeypatch.setattr(classifier, "fit", None)
    assert Classifier("wordllama").decide(request(None), ["I was charged again", "card?"]) == first


@pytest.mark.parametrize("damage", [b"", b"lev-fit 1\n00\n{}\n", b"lev-fit 2\n", b"\x80\x04K\x01."])
def test_a_damaged_cache_is_fitted_again(damage: bytes) -> None:
    """Cut off, altered, of another version, a pickle: what is no fit is not read as one."""
    first = Classifier("wordllama").decide(request(None), ["I was charged again"])
    (file,) = Path.cwd().glob("fits/*.fit")
    whole = file.read_bytes()
    for data in (damage, whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b"x" + whole):
        file.write_bytes(data)
        assert store.load(file.stem) is None
        assert Classifier("wordllama").decide(request(None), ["I was charged again"]) == first
    assert store.load(file.stem) is not None


def test_old_fits_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache does not grow without end; without a place for it nothing is kept."""
    monkeypatch.setattr(store, "_KEPT", 2)
    local = Classifier("wordllama")
    for number in range(4):
        more = {label: [*texts, f"{label} number {number}"] for label, texts in FEW.items()}
        local.condition(request("x", more))
    assert len(list(Path.cwd().glob("fits/*.fit"))) == 2
    monkeypatch.setattr(store, "cache_folder", lambda: None)
    assert isinstance(Classifier("wordllama").condition(request("x")), Condition)


class Reversed(static.StaticEmbedder):
    """Another embedder: the same numbers in another order."""

    def __init__(self) -> None:
        super().__init__()
        self.digest = "sha256:" + "0" * 64

    def embed(self, texts: Sequence[str]) -> Any:
        return super().embed(texts)[:, ::-1]


def test_another_embedder_is_another_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fit made with one is never used with the next; who decided says which it was."""
    from lev_os.core.llm_runtime import classifier

    before = judge("you charged me twice")
    monkeypatch.setattr(classifier, "open_embedder", lambda name: Reversed())
    after = judge("you charged me twice")
    assert len(list(Path.cwd().glob("fits/*.fit"))) == 2
    assert (before["label"], before["confidence"]) == (after["label"], pytest.approx(after["confidence"], abs=0.01))
    assert before["decided_by"] != after["decided_by"]


def test_what_was_judged_is_not_judged_again_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that waits goes on with the decision it has, whatever the embedder of the day would say."""
    from lev_os.core.llm_runtime import classifier

    cases = {label: {"examples": texts, "then": [{"wait": "word"}]} for label, texts in EXAMPLES.items()}
    step = {"id": "kind", "switch_semantic": "what it is about", "about": "you charged me twice", "cases": cases}
    steps = [{**step, "uncertain": []}, {"return": {"kind": "${kind}"}}]
    flow = Flow.parse(json.dumps({"flowmind": 1, "name": "sort", "steps": steps}))
    began = run_sync(flow, journal="run.jsonl")
    assert began.status == "waiting"
    monkeypatch.setattr(classifier, "open_embedder", lambda name: pytest.fail("judged again"))
    with Run.resume("run.jsonl", current=flow) as resumed:
        resumed.submit(resumed.waits[0].token, "go on")
        asyncio.run(resumed.advance())
    assert (resumed.result.status, resumed.result.output) == ("done", {"kind": "refund"})
    assert resumed.result.decisions == began.decisions
    assert replay("run.jsonl").divergences == ()


def test_confidence_comes_from_classifiers_that_have_not_seen_the_example() -> None:
    """Labels at random: cross-validation finds that nothing was learned, and confidence says so."""
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(60, 40)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    fitted = fit(vectors, np.arange(60) % 3, 3, vectors[:1])
    assert (fitted.held_out.argmax(axis=1) == fitted.classes).mean() < 0.6
    assert fitted.held_out.max(axis=1).mean() < 0.6
    assert np.allclose(fitted.probabilities(vectors).sum(axis=1), 1, atol=1e-5)
    assert fitted.nearest(vectors[3:5])[0].tolist() == [3, 4]
    assert softmax(np.array([[1000.0, 0.0]])).tolist() == [[1.0, 0.0]]


def test_damaged_weights_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a traceback, and with the way out."""
    monkeypatch.setattr(static, "_WEIGHTS", "RESULTS.md")
    with pytest.raises(NoModel, match="reinstall"):
        static.StaticEmbedder()


def test_without_an_embedder_there_is_no_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine then asks the model."""
    found = importlib.util.find_spec
    gone = ("wordllama", "onnxruntime")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in gone else found(name))
    assert open_judge() is None
    for name in ("wordllama", "minilm"):
        with pytest.raises(NoModel, match=rf"{name} is not installed"):
            embedding.open_embedder.__wrapped__(name)


def test_background_sentences_are_distinct() -> None:
    """Each adds something."""
    assert len(set(SENTENCES)) == len(SENTENCES) >= 40


GROUPS = {
    "refund": ("request_refund", "Refund_not_showing_up", "transaction_charged_twice", "extra_charge_on_statement"),
    "card": ("card_arrival", "card_not_working", "activate_my_card", "card_swallowed", "contactless_not_working"),
    "transfer": ("failed_transfer", "pending_transfer", "transfer_timing", "top_up_failed", "pending_top_up"),
    "identity": ("verify_my_identity", "why_verify_identity", "unable_to_verify_identity", "edit_personal_details"),
}


def messages(count: int, per_label: int) -> tuple[dict[str, list[str]], list[tuple[str, str]]]:
    """Examples and test messages from BANKING77, which is kept beside the project."""
    shared = next((up / "shared" for up in Path(__file__).resolve().parents if (up / "shared").is_dir()), None)
    if shared is None:
        pytest.skip("needs ../shared/data/banking77")
    label_of = {category: label for label, categories in GROUPS.items() for category in categories}
    with (shared / "data/banking77/train.csv").open(encoding="utf-8") as file:
        rows = [(row["text"], label_of[row["category"]]) for row in csv.DictReader(file) if row["category"] in label_of]
    random.Random(7).shuffle(rows)
    examples: dict[str, list[str]] = {label: [] for label in GROUPS}
    rest: list[tuple[str, str]] = []
    for text, label in rows:
        if len(examples[label]) < per_label:
            examples[label].append(text)
        else:
            rest.append((text, label))
    return examples, rest[:count]


@pytest.mark.slow
def test_real_messages_are_decided_right_or_left_to_the_model() -> None:
    """300 messages to a bank, eight examples a label: most are decided, nearly all of those rightly."""
    examples, tests = messages(300, per_label=8)
    local = Classifier("wordllama")
    local.decide(request("warm up", examples), ["warm up"])
    results = local.decide(request(None, examples), [text for text, _ in tests])
    answered = [result["label"] == label for result, (_, label) in zip(results, tests, strict=True) if result["label"]]
    confidence = [result["confidence"] for result in results if result["label"]]
    assert len(answered) / len(tests) > 0.7
    assert sum(answered) / len(answered) > 0.9
    assert abs(sum(confidence) / len(confidence) - sum(answered) / len(answered)) < 0.1


def test_the_order_of_labels_and_examples_changes_nothing() -> None:
    """A flow that a formatter has sorted judges, and is calibrated, as before; with one cached fit for both."""
    mixed = {
        label: random.Random(1).sample(EXAMPLES[label], len(EXAMPLES[label])) for label in reversed(list(EXAMPLES))
    }
    first, second = (Classifier("wordllama").condition(request(None, shown)) for shown in (EXAMPLES, mixed))
    assert isinstance(first, Condition)
    assert isinstance(second, Condition)
    assert (first.rows, first.threshold, first.decided_by) == (second.rows, second.threshold, second.decided_by)
    about = "the shop has taken the money from my card twice"
    assert judge(about) == judge(about, mixed)


def test_what_a_killed_process_left_goes_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half-written files are forgotten like old fits."""
    folder = tmp_path / "fits"
    folder.mkdir()
    left = folder / "0123.fit.99.7"
    left.write_bytes(b"lev-fit 1")
    os.utime(left, (0, 0))
    monkeypatch.setattr(store, "_KEPT", 1)
    judge("I lost my card")
    assert [file.suffix for file in folder.iterdir()] == [".fit"]
