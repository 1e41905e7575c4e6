"""What each target makes of a package, and what it says it cannot express."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote

import pytest
from lev_os.core import Package, load_package
from lev_os.core.canonical import digest_bytes
from lev_os.core.contexts.frontmatter import read_frontmatter
from lev_os.core.errors import LevError
from lev_os.export.target import TARGETS, Rendered, target_named
from lev_os.export.targets._parts import kebab
from lev_os.export.targets.skills import IN_PACKAGE
from lev_os.export.writing import write
from lev_os.export.writing.record import NAME

Make = Callable[..., Package]
MANIFEST = """\
format = 1
description = "A package."
[exports]
"./contexts/*" = {{ llm = "./contexts/*.md" }}
"./flows/*" = {{ llm = "./flows/*.yaml" }}
"./skills/*" = {{ llm = "./skills/*/SKILL.md" }}
"./tools/*" = {{ python = "{name}.tools:*" }}
"""
SKILL = "---\nname: {name}\ndescription: Use it.\n---\nText.\n"


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A package of these files, beside others."""

    def write_package(files: Mapping[str, str | bytes], name: str = "pack") -> Package:
        root = tmp_path / name / "src" / name
        root.mkdir(parents=True)
        for path, text in {"lev.toml": MANIFEST.format(name=name), "__init__.py": "", **files}.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_package(root)

    return write_package


@pytest.fixture
def acme() -> Package:
    return load_package("acme_support")


def render(target: str, *packages: Package) -> Rendered:
    return target_named(target).render(packages)


@pytest.mark.parametrize("target", [name for name in TARGETS if name != "npm"])
def test_every_target_is_the_same_each_time(target: str, acme: Package, tmp_path: Path) -> None:
    """And written twice, nothing changes."""
    rendered = render(target, acme)
    assert rendered == render(target, load_package("acme_support"))
    assert rendered.files
    assert write(tmp_path, {target: rendered}).operations
    assert not write(tmp_path, {target: rendered}).operations


def test_all_targets_fit_into_one_folder(acme: Package, tmp_path: Path) -> None:
    """No two want different things at one path."""
    write(tmp_path, {name: render(name, acme) for name in TARGETS if name != "npm"})
    assert (tmp_path / "plugin.json").is_file()
    assert (tmp_path / "AGENTS.md").is_file()


def test_an_unknown_target_names_those_there_are() -> None:
    """With all of them."""
    with pytest.raises(LevError, match="agents-md, "):
        target_named("skill")


@pytest.mark.parametrize(
    "data",
    [
        b"---\ndescription: A.\n---\nPlain.\n",
        b"\xef\xbb\xbf---\r\ndescription: A.\r\n---\r\nCRLF and a mark.\r\n",
        b"---\ndescription: A.\n---\nNo line end",
        b"No head at all",
        "Ünïcode\u00a0and \u2028 separators\n".encode(),
    ],
)
def test_a_context_is_the_same_bytes_in_the_skill(data: bytes, make: Make) -> None:
    """CRLF, a byte order mark and a missing line end included."""
    files = render("skills", make({"contexts/a.md": data})).files
    assert files[".agents/skills/pack/references/a.md"] == data
    assert files[".claude/skills/pack/references/a.md"] == data


def test_a_link_to_code_becomes_its_signature(make: Make) -> None:
    """As everywhere: the code does not come along. The rest of the file stays as it is."""
    text = "\ufeff---\r\ndescription: A.\r\n---\r\nCall [`run`](../tools.py).\r\n"
    package = make({"contexts/a.md": text, "tools.py": 'def run(x: int) -> str:\n    """Run it."""\n    return ""\n'})
    data = render("skills", package).files[".agents/skills/pack/references/a.md"]
    assert data.decode() == text.replace("[`run`](../tools.py)", "`run(x: int) -> str` (Run it.)")
    context = package.export("./contexts/a").from_python()
    assert data.decode().replace("\r\n", "\n").endswith(context.text)


def test_links_between_contexts_hold(make: Make) -> None:
    """Folders are kept below `references`; a link to what is not exported is told."""
    manifest = MANIFEST.format(name="pack") + '"./contexts/deep/*" = { llm = "./docs/*.md" }\n'
    package = make(
        {
            "lev.toml": manifest,
            "contexts/a.md": "[b](../docs/b.md) [c](../secret.md)\n",
            "docs/b.md": "[a](../contexts/a.md#x)\n",
            "secret.md": "x",
        }
    )
    rendered = render("skills", package)
    inside = {path.removeprefix(".agents/skills/pack/") for path in rendered.files if path.startswith(".agents")}
    assert inside == {"SKILL.md", "references/contexts/a.md", "references/docs/b.md"}
    assert [(item.specifier, item.what) for item in rendered.lost] == [
        ("pack/contexts/a", "the link to ../secret.md leads to a file that is not exported")
    ]


def test_an_index_is_the_text_of_the_skill(acme: Package) -> None:
    """With its links as they lead from there."""
    text = render("skills", acme).files[".agents/skills/acme-support/SKILL.md"].decode()
    assert "# Acme support" in text
    assert "[refund policy](references/refund-policy.md)" in text
    assert 'lev run acme_support/flows/refund --input \'{"email": "<email>"' in text
    assert 'flow_start(flow="acme_support/flows/triage", input={"message": "<message>"})' in text
    head = read_frontmatter(text).data
    assert head["name"] == "acme-support"
    assert head["metadata"] == {"generated-by": "lev export", "package": "acme_support", "version": "0.1.0"}


def test_a_broken_link_of_an_index_stays(make: Make) -> None:
    """`lev check` tells of it; an anchor stays with its link."""
    manifest = MANIFEST.format(name="pack") + '"." = { llm-first = "./contexts/index.md" }\n'
    package = make(
        {
            "lev.toml": manifest,
            "contexts/index.md": "[a](gone.md) [b](b.md#x) [c][b]\n\n[b]: b.md\n",
            "contexts/b.md": "# X\n",
        }
    )
    rendered = render("skills", package)
    text = rendered.files[".agents/skills/pack/SKILL.md"].decode()
    assert "[a](gone.md) [b](references/b.md#x) [c][b]\n\n[b]: references/b.md\n" in text
    assert [item.what for item in rendered.lost] == ["the link to gone.md leads to a file that is not exported"]


def test_an_exported_skill_is_copied_with_its_folder(make: Make) -> None:
    """Byte for byte, scripts still executable, links out of it left out."""
    package = make(
        {
            "skills/clean-up/SKILL.md": SKILL.format(name="clean-up").replace("\n", "\r\n"),
            "skills/clean-up/scripts/run.sh": "#!/bin/sh\n",
            "skills/clean-up/references/a/b.bin": b"\x00\xff",
        }
    )
    (package.root / "skills/clean-up/scripts/run.sh").chmod(0o755)
    (package.root / "skills/clean-up/passwd").symlink_to("/etc/passwd")
    rendered = render("skills", package)
    ours = {path: data for path, data in rendered.files.items() if path.startswith(".agents/skills/clean-up/")}
    assert set(ours) == {
        f".agents/skills/clean-up/{name}" for name in ("SKILL.md", "scripts/run.sh", "references/a/b.bin")
    }
    assert ours[".agents/skills/clean-up/SKILL.md"] == SKILL.format(name="clean-up").replace("\n", "\r\n").encode()
    assert rendered.executable == {f"{root}/skills/clean-up/scripts/run.sh" for root in (".agents", ".claude")}
    assert ".agents/skills/pack/SKILL.md" not in rendered.files  # there is nothing else to say of it


def test_a_context_becomes_a_skill_when_it_says_so(make: Make) -> None:
    """`lev-kind: skill` and a description; without a description it stays a page."""
    head = "---\nname: tidy\ndescription: Tidy up.\nmetadata:\n  lev-kind: skill\n---\nText.\n"
    package = make({"contexts/tidy.md": head, "contexts/other.md": "x"})
    files = render("skills", package).files
    assert files[".agents/skills/tidy/SKILL.md"] == head.encode()
    assert ".agents/skills/pack/references/other.md" in files
    assert ".agents/skills/pack/references/tidy.md" not in files


@pytest.mark.parametrize(
    ("folder", "text", "match"),
    [
        ("Clean_Up", SKILL.format(name="Clean_Up"), "rename it and its folder to clean-up"),
        ("a--b", SKILL.format(name="a--b"), "no host takes"),
        ("x" * 65, SKILL.format(name="x" * 65), "no host takes"),
        ("one", SKILL.format(name="other"), "is named 'other', and its folder 'one'"),
        ("one", "---\nname: one\n---\nText.\n", "has no description"),
        ("one", f"---\nname: one\ndescription: {'x' * 1025}\n---\n", "more than 1,024"),
    ],
)
def test_skills_that_no_host_would_take(folder: str, text: str, match: str, make: Make) -> None:
    """Refused with the reason and the way out; nothing is renamed behind a person's back."""
    with pytest.raises(LevError, match=match):
        render("skills", make({f"skills/{folder}/SKILL.md": text}))


def test_two_packages_with_a_skill_of_one_name(make: Make) -> None:
    """Both are named, where they would lie in one folder; a pointer to either would lead to the wrong one."""
    one = make({"skills/tidy/SKILL.md": SKILL.format(name="tidy")}, "one")
    two = make({"skills/tidy/SKILL.md": SKILL.format(name="tidy")}, "two")
    for target in ("skills", "well-known"):
        with pytest.raises(LevError, match="one and two both export a skill named 'tidy'"):
            render(target, one, two)
    render("claude-plugin", one, two)  # each plugin has skills of its own
    text = render("agents-md", one, two).blocks["AGENTS.md"]
    assert "- `one` (A package): `lev list one`\n- `two` (A package): `lev list two`" in text
    assert "`.agents/skills/tidy/SKILL.md`" in render("agents-md", one).blocks["AGENTS.md"]


def test_a_bad_skill_of_somebody_else_stops_nothing(tmp_path: Path) -> None:
    """A wheel that brings skills is not ours to mend: the good one is taken, the other told."""
    for name, text in (("good", SKILL.format(name="good")), ("bad", SKILL.format(name="other"))):
        (tmp_path / ".agents/skills" / name).mkdir(parents=True)
        (tmp_path / ".agents/skills" / name / "SKILL.md").write_text(text)
    rendered = render("skills", Package("theirs", tmp_path, "wheel-skills", "1.0", skills=("bad", "good")))
    assert {path.split("/")[2] for path in rendered.files} == {"good"}
    [item] = rendered.lost
    assert item.specifier == "theirs/skills/bad"
    assert "is left out: the skill" in item.what


def test_package_names_that_become_one(make: Make) -> None:
    """`a_b` and `a__b` are different packages and one skill."""
    one, two = make({"contexts/x.md": "x"}, "a_b"), make({"contexts/x.md": "x"}, "a__b")
    with pytest.raises(LevError, match="a_b and a__b both export"):
        render("skills", one, two)


@pytest.mark.parametrize(
    ("name", "plain"), [("acme_support", "acme-support"), ("lev_os.core", "lev-os-core"), ("_A__b_", "a-b")]
)
def test_names_for_hosts(name: str, plain: str) -> None:
    """Lower-case letters, digits and single hyphens."""
    assert kebab(name) == plain


def test_a_skill_named_like_its_package(make: Make) -> None:
    """Keeps its name; what is said of the package gets another."""
    files = render("skills", make({"skills/pack/SKILL.md": SKILL.format(name="pack"), "contexts/a.md": "x"})).files
    assert files[".agents/skills/pack/SKILL.md"] == SKILL.format(name="pack").encode()
    assert ".agents/skills/pack-package/references/a.md" in files


def test_skills_in_the_package_are_not_exported_again(make: Make) -> None:
    """What an earlier export left in it is no source of the next: an edit of the context arrives everywhere."""
    package = make({"contexts/a.md": "one\n", "skills/tidy/SKILL.md": SKILL.format(name="tidy")})
    write(package.root, {"skills": IN_PACKAGE.render([package])})
    assert (package.root / ".agents/skills/pack/references/a.md").read_text() == "one\n"
    assert "./skills/pack" in {export.subpath for export in load_package(package.root).exports()}
    (package.root / "contexts/a.md").write_text("two\n")
    (package.root / "skills/tidy/SKILL.md").write_text(SKILL.format(name="tidy") + "More.\n")
    again = load_package(package.root)
    write(package.root, {"skills": IN_PACKAGE.render([again])})
    assert (package.root / ".agents/skills/pack/references/a.md").read_text() == "two\n"
    assert (package.root / ".agents/skills/tidy/SKILL.md").read_text().endswith("More.\n")
    files = render("skills", load_package(package.root)).files
    assert {path.split("/")[2] for path in files} == {"pack", "tidy"}


def test_a_broken_part_is_told_and_nothing_is_rendered(make: Make) -> None:
    """With its file and line."""
    with pytest.raises(LevError, match=r"bad\.yaml:"):
        render("skills", make({"flows/bad.yaml": "flowmind: 1\nname: bad\nsteps: [{ask: 1}]\n"}))
    with pytest.raises(LevError, match=r"bad\.md"):
        render("llms-txt", make({"contexts/bad.md": b"\xff\xfe"}, "other"))


def test_pointers_are_short(acme: Package) -> None:
    """No text of the package stands in a file that every session reads."""
    blocks = render("agents-md", acme).blocks
    assert set(blocks) == {"AGENTS.md", "CLAUDE.md", "GEMINI.md", ".github/copilot-instructions.md"}
    assert all(len(text) < 500 for text in blocks.values())
    assert "`.agents/skills/acme-support/SKILL.md`, `lev show acme_support`" in blocks["AGENTS.md"]


def test_many_packages_are_one_line(make: Make) -> None:
    """A hundred installed packages do not fill anybody's context."""
    packages = [make({"contexts/a.md": "x"}, f"p{number}") for number in range(21)]
    assert "21 packages: `lev list` names them" in render("agents-md", *packages).blocks["AGENTS.md"]


APPLIES = "---\nname: api\ndescription: How the API is written.\nmetadata:\n  lev-applies-to: {globs}\n---\nText.\n"


@pytest.mark.parametrize(
    ("globs", "place"),
    [
        ("src/api/**", "src/api/AGENTS.md"),
        ("'**/*.py'", "src/AGENTS.md"),
        ("'*.py'", "src/AGENTS.md"),
        ("'src/api/**/*.py src/web/*.ts'", "src/AGENTS.md"),
        ("'src/{api,web}/**'", "src/AGENTS.md"),
        ("'**/deep/*.py'", "src/api/deep/AGENTS.md"),
        ("'**/*.rs'", "AGENTS.md"),
        ("'src/api/v[12].py'", "src/api/AGENTS.md"),
        ("'lib/'", "AGENTS.md"),
        ("'**'", "AGENTS.md"),
    ],
)
def test_a_pointer_lies_nearest_to_its_files(globs: str, place: str, make: Make, tmp_path: Path) -> None:
    """In the deepest folder that holds all of them; at the top when none is there."""
    repository = tmp_path / "repository"
    for name in ("src/api/v1.py", "src/api/deep/x.py", "src/web/a.ts", "src/web/b.py", "README.md", ".hidden/x.py"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text("")
    package = make({"contexts/api.md": APPLIES.format(globs=globs)})
    wanted = {"agents-md": render("agents-md", package)}
    write(repository, wanted)
    line = "`lev show pack/contexts/api` (How the API is written)"
    holds = {p.relative_to(repository).as_posix() for p in repository.rglob("AGENTS.md") if line in p.read_text()}
    assert holds == {place}
    assert ".agents/skills/pack/references/api.md" in (repository / place).read_text()
    assert line in (repository / "CLAUDE.md").read_text()
    assert not write(repository, wanted).operations


def test_scoped_rules_of_hosts_that_know_them(make: Make) -> None:
    """Cursor's `globs`, Copilot's `applyTo`."""
    files = render("agents-md", make({"contexts/api.md": APPLIES.format(globs="'src/** *.py'")})).files
    cursor = files[".cursor/rules/lev-pack-contexts-api.mdc"].decode()
    assert "\nglobs: src/**,*.py\nalwaysApply: false\n---\n" in cursor
    copilot = files[".github/instructions/lev-pack-contexts-api.instructions.md"].decode()
    assert read_frontmatter(copilot).data["applyTo"] == "src/**,*.py"


def test_one_package_lies_in_the_folder_itself_several_in_folders(acme: Package, make: Make) -> None:
    """For formats that have one root."""
    other = make({"contexts/a.md": "x"})
    assert "plugin.json" in render("agent-plugin", acme).files
    assert {"acme-support/plugin.json", "pack/plugin.json"} < set(render("agent-plugin", acme, other).files)
    assert {"acme-support/server.json", "pack/server.json"} < set(render("mcp-server", acme, other).files)


def test_a_marketplace_names_its_plugins(acme: Package, make: Make) -> None:
    """With a command for each flow and an agent for each personality."""
    lens = "---\nname: critic\ndescription: Finds holes.\nmetadata:\n  lev-kind: personality\n---\nBe strict.\n"
    files = render("claude-plugin", acme, make({"contexts/critic.md": lens})).files
    market = json.loads(files[".claude-plugin/marketplace.json"])
    assert [plugin["source"] for plugin in market["plugins"]] == ["./plugins/acme-support", "./plugins/pack"]
    assert b"flow_start(" in files["plugins/acme-support/commands/refund.md"]
    assert files["plugins/pack/agents/critic.md"].endswith(b"---\nBe strict.\n")
    assert "plugins/pack/.mcp.json" not in files  # there is nothing to serve


def test_what_a_registry_needs_is_told(acme: Package) -> None:
    """Until the project says who it is and how it starts."""
    told = [item.what for item in render("mcp-server", acme).lost]
    assert any("mcp-name: io.github.YOU/acme-support" in what for what in told)
    assert any('acme-support = "lev_os.cli:main" to [project.scripts]' in what for what in told)


def test_a_project_that_says_who_it_is(make: Make) -> None:
    """Name, authors, addresses and the proof of ownership come from `pyproject.toml` and the README."""
    package = make({"contexts/a.md": "x"})
    project = package.root.parent.parent
    (project / "pyproject.toml").write_text(
        '[project]\nname = "pack"\nversion = "1.2.3"\nreadme = "README.md"\nlicense = "MIT"\nkeywords = ["k"]\n'
        'authors = [{name = "Ada", email = "ada@example.com"}]\nscripts = {pack = "lev_os.cli:main"}\n'
        'urls = {Homepage = "https://example.com", Repository = "https://github.com/ada/pack/tree/main/x"}\n'
    )
    (project / "README.md").write_text("<!-- mcp-name: io.github.ada/pack-server -->\n")
    rendered = render("mcp-server", package)
    server = json.loads(rendered.files["server.json"])
    assert rendered.lost == ()
    assert server["name"] == "io.github.ada/pack-server"
    assert server["version"] == "1.2.3"
    assert server["repository"] == {"url": "https://github.com/ada/pack", "source": "github"}
    plugin = json.loads(render("agent-plugin", package).files["plugin.json"])
    assert plugin["author"] == {"name": "Ada", "email": "ada@example.com"}
    assert plugin["license"] == "MIT"
    assert plugin["homepage"] == "https://example.com"


def test_archives_hold_what_their_digests_say(acme: Package, make: Make) -> None:
    """A zip for a skill of several files, SKILL.md itself for one alone."""
    single = make({"skills/tidy/SKILL.md": SKILL.format(name="tidy")})
    files = render("well-known", acme, single).files
    index = json.loads(files[".well-known/agent-skills/index.json"])
    entries = {entry["name"]: entry for entry in index["skills"]}
    assert entries["tidy"]["type"] == "skill-md"
    assert entries["acme-support"]["type"] == "archive"
    for entry in entries.values():
        assert entry["digest"] == digest_bytes(files[f".well-known/agent-skills/{entry['url']}"])
    with zipfile.ZipFile(io.BytesIO(files[".well-known/agent-skills/acme-support.zip"])) as made:
        assert {"SKILL.md", "references/tone.md"} <= set(made.namelist())


def test_llms_txt_links_lead_to_files(acme: Package) -> None:
    """Every link of it, to a file beside it; the full text holds every context."""
    files = render("llms-txt", acme).files
    text = files["llms.txt"].decode()
    assert text.startswith("# acme_support\n\n> Acme's support desk")
    links = [line.partition("](")[2].partition(")")[0] for line in text.splitlines() if line.startswith("- [")]
    assert len(links) == 5 + 3 + 6
    assert set(links) <= set(files)
    full = files["llms-full.txt"].decode()
    for name in ("tone", "executive", "refund-policy", "escalation", "index"):
        assert acme.export(f"./contexts/{name}").for_llm()["text"].strip() in full


def test_links_to_names_with_spaces_are_links(make: Make) -> None:
    """CommonMark ends a link at white space."""
    from lev_os.core.contexts.markdown import read_layout

    package = make({"contexts/on tea.md": "Black.\n", "contexts/plain.md": "Text.\n"})
    for target, folder, holder in (("llms-txt", "", "llms.txt"), ("skills", ".agents/skills/pack/", "SKILL.md")):
        files = render(target, package).files
        links = {unquote(link.target) for link in read_layout(files[folder + holder].decode()).links}
        pages = {path.removeprefix(folder) for path in files if path.startswith(folder) and path.endswith("tea.md")}
        assert pages
        assert pages <= links


def test_a_package_of_skills_alone_has_no_server(make: Make) -> None:
    """Its skills come along as files, each with its folder."""
    package = make({"skills/tidy/SKILL.md": SKILL.format(name="tidy"), "skills/tidy/references/a.md": "A.\n"})
    assert render("mcp-server", package).files == {}
    assert "mcp.json" not in render("agent-plugin", package).files
    assert "pack/skills/tidy/references/a.md" in render("llms-txt", package).files


def test_tools_for_model_apis(acme: Package, make: Make) -> None:
    """Their own names; with the package's before it where two share one."""
    [first, *_] = json.loads(render("openai-tools", acme).files["openai-tools.json"])
    assert first["function"]["name"] == "find_customer"
    assert first["function"]["parameters"]["required"] == ["email"]
    names = [tool["name"] for tool in json.loads(render("anthropic-tools", acme).files["anthropic-tools.json"])]
    assert len(names) == 6
    code = {"tools.py": 'def refund(x: int) -> int:\n    """R."""\n    return x\n'}
    both = json.loads(render("anthropic-tools", acme, make(code)).files["anthropic-tools.json"])
    assert {"acme_support_refund", "pack_refund", "find_order"} < {tool["name"] for tool in both}


def test_a_tool_whose_name_no_api_takes(make: Make) -> None:
    """Refused before anything is written."""
    code = {"tools.py": f'def {"x" * 65}(a: int) -> int:\n    """R."""\n    return a\n'}
    with pytest.raises(LevError, match="1 to 64 letters"):
        render("openai-tools", make(code))


def test_the_record_does_not_travel_as_an_export(acme: Package, tmp_path: Path) -> None:
    """It is named nowhere but in the folder that was written to."""
    write(tmp_path, {"agent-plugin": render("agent-plugin", acme)})
    assert (tmp_path / NAME).is_file()
    assert NAME not in render("agent-plugin", acme).files
