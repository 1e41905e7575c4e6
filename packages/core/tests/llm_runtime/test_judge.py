"""The local classifier: sure where examples are near, silent where they are not."""

from __future__ import annotations

import asyncio
import csv
import importlib.util
import random
import time
from pathlib import Path
from typing import Any

import pytest
from lev_os.core.llm_runtime import NoModel, embedding, open_judge
from lev_os.core.llm_runtime.classifier import Classifier

pytest.importorskip("wordllama", reason="needs the extra `local`")
import numpy as np
from lev_os.core.llm_runtime.fitting import fit, softmax

EXAMPLES = {
    "refund": [
        "I was charged twice",
        "I want my money back",
        "the amount on my statement is wrong",
        "please refund this payment",
        "there is a charge I did not make",
        "you took money from me two times",
    ],
    "card": [
        "my card has not arrived",
        "the machine swallowed my card",
        "my card does not work in shops",
        "how do I activate my new card",
        "I lost my card",
        "when does my card come in the mail",
    ],
}


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


@pytest.mark.parametrize("about", ["The mitochondria is the powerhouse of the cell", "asdf qwer", "", None])
def test_a_text_unlike_any_example_is_left_to_the_model(about: str | None) -> None:
    """Novelty abstains."""
    result = judge(about)
    assert result["label"] is None
    assert "unlike any example" in result["evidence"]


def test_a_text_between_two_labels_is_left_to_the_model() -> None:
    """Below the threshold there is no label, but the evidence says which was nearest."""
    result = judge("my card was charged", confidence=0.99)
    assert result["label"] is None
    assert result["calibrated"]
    assert "is below 0.99" in result["evidence"]


def test_few_examples_give_no_confidence() -> None:
    """With two examples a label only a text that is (nearly) an example gets an answer, without a number."""
    few = {label: texts[:2] for label, texts in EXAMPLES.items()}
    sure, unsure = judge("I want my money back!", few), judge("what about my payment", few)
    assert (sure["label"], sure["confidence"], sure["calibrated"]) == ("refund", None, False)
    assert (unsure["label"], unsure["confidence"], unsure["calibrated"]) == (None, None, False)


@pytest.mark.parametrize("examples", [{}, {"yes": ["a"]}, {"yes": ["a"], "no": []}])
def test_without_examples_for_two_labels_it_abstains(examples: dict[str, list[str]]) -> None:
    """There is nothing to compare with."""
    assert judge("a", examples, labels=["yes", "no"])["label"] is None


def test_a_label_without_examples_makes_the_rest_uncalibrated() -> None:
    """`something else` cannot be recognised, so no confidence is claimed."""
    result = judge("I want my money back", labels=["refund", "card", "something else"])
    assert result["label"] == "refund"
    assert not result["calibrated"]


def test_conditions_are_fitted_once_and_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest of labels and examples names a fit."""
    from lev_os.core.llm_runtime import classifier

    monkeypatch.setattr(classifier, "_CACHE", 2)
    local = Classifier()
    for number in (1, 2, 1, 3, 1):
        local.decide(request("x", {"yes": [f"yes {number}"], "no": [f"no {number}"]}), ["x"])
    assert len(local._fitted) == 2
    first = local._condition(list(EXAMPLES), EXAMPLES)
    assert local._condition(list(EXAMPLES), EXAMPLES) is first


def test_examples_that_repeat_count_once() -> None:
    """Five copies of one sentence are one example."""
    copied = {label: texts[:1] * 5 for label, texts in EXAMPLES.items()}
    assert not judge("I was charged twice", copied)["calibrated"]


def test_left_out_scores_are_exact() -> None:
    """The closed form equals fitting again without the example: the sharpness comes from honest scores."""
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(12, 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    classes = np.array([0, 1] * 6)
    fitted = fit(vectors, classes, 2)
    assert np.allclose(fitted.probabilities(vectors).sum(axis=1), 1)
    assert fitted.nearest(vectors[3])[0] == 3
    assert 0.15 <= fitted.novelty <= 0.5
    assert softmax(np.array([[1000.0, 0.0]])).tolist() == [[1.0, 0.0]]


def test_damaged_weights_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a traceback, and with the way out."""
    monkeypatch.setattr(embedding, "_WEIGHTS", "RESULTS.md")
    with pytest.raises(NoModel, match="reinstall"):
        embedding.Embedder()


def test_without_the_extra_there_is_no_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine then asks the model."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "wordllama" else found(name))
    assert open_judge() is None


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
    """300 messages to a bank, eight examples a label: most are decided, nearly all of those rightly, and fast."""
    examples, tests = messages(300, per_label=8)
    local = Classifier()
    local.decide(request("warm up", examples), ["warm up"])
    start = time.process_time()
    results = local.decide(request(None, examples), [text for text, _ in tests])
    seconds = time.process_time() - start
    answered = [result["label"] == label for result, (_, label) in zip(results, tests, strict=True) if result["label"]]
    confidence = [result["confidence"] for result in results if result["label"]]
    assert len(answered) / len(tests) > 0.6
    assert sum(answered) / len(answered) > 0.9
    assert abs(sum(confidence) / len(confidence) - sum(answered) / len(answered)) < 0.1
    assert len(tests) / seconds > 3000
