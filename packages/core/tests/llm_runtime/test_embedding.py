"""Embedders by name: the two that need no network, and any of Pydantic AI's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from lev_os.core.llm_runtime import ModelUnavailable, NoModel, embedding, minilm, open_judge, remote, static
from lev_os.core.llm_runtime.classifier import Classifier
from lev_os.core.llm_runtime.embedding import chosen_embedder, open_embedder

np = pytest.importorskip("numpy", reason="needs the extra `local` or `minilm`")


@pytest.fixture(autouse=True)
def _nothing_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEV_EMBEDDER", raising=False)
    monkeypatch.setenv("LEV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()


def test_the_environment_comes_first_then_the_project_then_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`LEV_EMBEDDER`, `[tool.lev] embedder`, `wordllama`, `minilm`."""
    monkeypatch.setattr(static, "is_installed", lambda: True)
    monkeypatch.setattr(minilm, "is_installed", lambda: True)
    assert chosen_embedder() == "wordllama"
    monkeypatch.setattr(static, "is_installed", lambda: False)
    assert chosen_embedder() == "minilm"
    (tmp_path / "pyproject.toml").write_text('[tool.lev]\nembedder = "openai:text-embedding-3-small"\n')
    assert chosen_embedder() == "openai:text-embedding-3-small"
    monkeypatch.setenv("LEV_EMBEDDER", "minilm")
    assert chosen_embedder() == "minilm"


@pytest.mark.parametrize(("named", "message"), [('"bert"', "no embedder 'bert'"), ("3", "`embedder` under")])
def test_a_name_that_nothing_has(tmp_path: Path, named: str, message: str) -> None:
    """Says what there is."""
    (tmp_path / "pyproject.toml").write_text(f"[tool.lev]\nembedder = {named}\n")
    with pytest.raises(NoModel, match=message) as caught:
        open_judge()
    assert "minilm" in str(caught.value.help)


@pytest.mark.parametrize("name", ["wordllama", "minilm"])
def test_like_sentences_have_like_vectors(name: str) -> None:
    """Rows of length one; a megabyte is cut, not refused."""
    pytest.importorskip({"minilm": "onnxruntime"}.get(name, name), reason=f"needs the embedder {name}")
    embedder = open_embedder(name)
    near, same, far = embedder.embed(["the cat is asleep", "the cat is sleeping", "quarterly tax report"])
    assert float(near @ same) > 0.7 > 0.4 > float(near @ far)
    long = embedder.embed(["I would like my money back. " * 40_000, "x"])
    assert np.allclose(np.linalg.norm(long, axis=1), 1, atol=1e-5)
    assert embedder.digest.startswith("sha256:")
    assert open_embedder(name) is embedder


def test_damaged_weights_of_minilm_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a traceback, and with the way out."""
    pytest.importorskip("onnxruntime", reason="needs the extra `minilm`")
    broken = tmp_path / "broken"
    broken.write_bytes(b"no model")
    monkeypatch.setattr(minilm, "_file", lambda distribution, path: str(broken))
    with pytest.raises(NoModel, match="cannot be read") as caught:
        minilm.MiniLMEmbedder()
    assert "reinstall" in str(caught.value.help)


@pytest.mark.parametrize("name", ["openai:text-embedding-3-small", "nobody:x"])
def test_an_embedder_that_cannot_be_opened(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, no SDK, no such provider: the reason, and the ways to another."""
    pytest.importorskip("pydantic_ai", reason="needs the extra `llm`")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(NoModel, match=name) as caught:
        open_embedder(name)
    assert caught.value.help == embedding.WAYS_TO_AN_EMBEDDER


def test_an_embedder_of_pydantic_ai(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its vectors are scaled to length one, and a judge may use it inside of an event loop."""
    embeddings: Any = pytest.importorskip("pydantic_ai.embeddings", reason="needs the extra `llm`")
    monkeypatch.setattr(embeddings, "infer_embedding_model", lambda name: embeddings.TestEmbeddingModel())
    embedder = remote.RemoteEmbedder("test:one")
    assert np.allclose(np.linalg.norm(embedder.embed(["a", "b"] * 200), axis=1), 1)
    monkeypatch.setenv("LEV_EMBEDDER", "test:one")
    judge = open_judge()
    assert judge is not None
    examples = {"a": [f"a {n}" for n in range(10)], "b": [f"b {n}" for n in range(10)]}
    request = {"labels": ["a", "b"], "examples": examples, "about": "c", "confidence": 0.5}
    result = asyncio.run(judge.judge(request))
    assert result["decided_by"].startswith("classifier:test:one@")


def test_a_provider_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is asked again by the machine, or leaves the condition to the model."""
    embeddings: Any = pytest.importorskip("pydantic_ai.embeddings", reason="needs the extra `llm`")

    class Down(embeddings.TestEmbeddingModel):  # type: ignore[misc]
        async def embed(self, *given: Any, **more: Any) -> Any:
            raise ConnectionError("no route")

    monkeypatch.setattr(embeddings, "infer_embedding_model", lambda name: Down())
    with pytest.raises(ModelUnavailable, match="no route"):
        remote.RemoteEmbedder("test:down").embed(["a"])


@pytest.mark.parametrize("given", [[[1.0, 2.0]], [[1.0], [1.0, 2.0]], [[1.0], [float("nan")]], [1.0, 2.0]])
def test_a_provider_that_gives_what_are_no_vectors(given: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few, of several lengths, not a number, not vectors: like one that fails."""
    pytest.importorskip("pydantic_ai.embeddings", reason="needs the extra `llm`")

    async def ask(self: remote.RemoteEmbedder, texts: Sequence[str]) -> list[Any]:
        return given

    monkeypatch.setattr(remote.RemoteEmbedder, "__init__", lambda self: setattr(self, "name", "test:odd"))
    monkeypatch.setattr(remote.RemoteEmbedder, "_ask", ask)
    with pytest.raises(ModelUnavailable, match="test:odd"):
        remote.RemoteEmbedder().embed(["a", "b"])  # type: ignore[call-arg]


def test_a_provider_that_changes_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors of other dimensions under the same name: fitted anew, not met with the old fit."""
    embeddings: Any = pytest.importorskip("pydantic_ai.embeddings", reason="needs the extra `llm`")
    examples = {"a": [f"a {n}" for n in range(10)], "b": [f"b {n}" for n in range(10)]}
    request = {"labels": ["a", "b"], "examples": examples, "confidence": 0.5}
    decided = set()
    for dimensions in (8, 12):
        model = embeddings.TestEmbeddingModel(dimensions=dimensions)
        monkeypatch.setattr(embeddings, "infer_embedding_model", lambda name, model=model: model)
        embedding.open_embedder.cache_clear()
        decided.add(Classifier("test:changing").decide(request, ["c"])[0]["decided_by"])
    embedding.open_embedder.cache_clear()
    assert len(decided) == 2
