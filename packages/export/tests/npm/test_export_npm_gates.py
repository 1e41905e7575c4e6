"""What JavaScript's own tools say of the twin: Node, TypeScript, bundlers, publint, attw, size-limit."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lev_os.core import Context, LevError, Package, load_package, package_for_llm
from lev_os.export.npm.typescript import Types
from npm_support import MakePackage, Run, Twin, execute, rendered

pytestmark = [pytest.mark.slow, pytest.mark.node]

READ = """
const [a, b] = process.argv.slice(2);
const say = (found) => ({ text: found.text, digest: found.digest, name: found.name, whole: found.default.text });
"""
HOSTILE = "*/ </script> `${process.exit(3)}` \\u0041 \u2028 😀 é 日本 <!-- \"' \\\n# ${a}\n"
TOML = 'format = 1\n[exports]\n"./contexts/*" = { llm = "./contexts/*.md" }\n"./flows/*" = { llm = "./flows/*.yaml" }\n'


@pytest.fixture
def acme(twin: Twin) -> Path:
    """The twin of the example, where a program finds it."""
    return twin(load_package("acme_support"))


def ask(node: str, app: Path, program: str, *flags: str, name: str = "main.mjs") -> Any:
    """What a program prints as JSON."""
    (app / name).write_text(program, "utf-8")
    done = execute([node, *flags, name], app)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("flags", [(), ("--conditions=llm",), ("--conditions=llm", "--conditions=llm-first")])
def test_node_reads_what_python_reads(node: str, app: Path, acme: Path, flags: tuple[str, ...]) -> None:
    """Every text, by `import` and by `require`, with and without the conditions for models, byte for byte."""
    found = package_for_llm("acme_support")
    wanted = {
        item["specifier"].replace("acme_support", "acme-support"): item for item in (*found.contexts, *found.flows)
    }
    program = f"""
        import {{ createRequire }} from "node:module";
        const require = createRequire(import.meta.url);
        const found = {{}};
        for (const name of {json.dumps(list(wanted))}) {{
          const [script, common] = [await import(name), require(name)];
          found[name] = [script, common, script.default, common.default].map(({{ text, digest, tokens }}) =>
            ({{ text, digest, tokens }}));
        }}
        console.log(JSON.stringify(found));
    """
    said = ask(node, app, program, *flags)
    assert len(said) == len(wanted) > 5
    for name, item in wanted.items():
        expected = {"text": item["text"], "digest": item["digest"], "tokens": item["tokens"]}
        assert said[name] == [expected] * 4


def test_a_model_gets_the_files(node: str, app: Path, acme: Path) -> None:
    """A resolver that asks for `llm` and neither for `import` nor `require` is led to the file as it was written."""
    package = load_package("acme_support")
    exports = json.loads((acme / "package.json").read_text("utf-8"))["exports"]
    for subpath in ("./contexts/refund-policy", "./flows/triage", "./constitution"):
        target = exports[subpath]["llm"]["default"]
        assert (acme / target).read_bytes() == package.read_data(subpath)[0]
    program = """
        console.log(JSON.stringify(["acme-support", "acme-support/tools/refund"].map((name) =>
          import.meta.resolve(name).split("node_modules/")[1])));
    """
    wanted = ["acme-support/dist/index.js", "acme-support/dist/tools/refund.js"]
    assert ask(node, app, program) == ask(node, app, program, "--conditions=llm") == wanted


def test_the_index(node: str, app: Path, acme: Path) -> None:
    """Both forms of it have everything under the same names; a tool and a flow of one name are told apart."""
    program = """
        import * as script from "acme-support";
        import { createRequire } from "node:module";
        const common = createRequire(import.meta.url)("acme-support");
        const { refundFlow, refundTool } = script;
        console.log(JSON.stringify([Object.keys(script).sort(), Object.keys(common).sort(),
          [refundFlow.kind, refundTool.kind, refundTool.effects, refundFlow.definition.steps.length > 2]]));
    """
    script, common, found = ask(node, app, program)
    assert script == common
    assert {"executiveContext", "refundFlow", "refundTool", "constitutionDocument"} <= set(script)
    assert found == ["flow", "tool", ["irreversible", "spends", "writes_external"], True]


def test_hostile_texts(node: str, app: Path, twin: Twin, make_package: MakePackage) -> None:
    """Whatever a context and its name hold; line ends are as Python has them, the file keeps its own."""
    data = b"\xef\xbb\xbf---\r\ndescription: '*/ </script>'\r\n---\r\n" + HOSTILE.replace("\n", "\r\n").encode()
    package = make_package(TOML, {"contexts/class.md": data, "contexts/日本 é.md": HOSTILE, "contexts/no-end.md": "x"})
    folder = twin(package)
    names = ["contexts/class", "contexts/日本 é", "contexts/no-end"]
    program = f"""
        import {{ createRequire }} from "node:module";
        const require = createRequire(import.meta.url);
        const found = [];
        for (const name of {json.dumps(names)})
          found.push([(await import("acme/" + name)).text, require("acme/" + name).text]);
        console.log(JSON.stringify(found));
    """
    wanted = [package.export(f"./{name}").for_llm()["text"] for name in names]
    assert wanted[0] == wanted[1] == HOSTILE
    assert ask(node, app, program) == [[text, text] for text in wanted]
    assert (folder / "llm/contexts/class.md").read_bytes() == data


bodies = st.lists(
    st.sampled_from(
        [*HOSTILE, "*/", "</script>", "`", "${", "}", "\\", "\r\n", "\n", "---\n", "é", "😀", "[a](tone.md)"]
    )
    | st.text(st.characters(codec="utf-8"), max_size=6),
    max_size=12,
).map("".join)
stems = st.text(st.sampled_from("abcXYZ019-_é日ß ."), min_size=1, max_size=8)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=st.dictionaries(stems, bodies, min_size=20, max_size=40))
def test_any_context(node: str, tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]) -> None:
    """Every context that Python takes, under any name, is the same text by `import` and by `require`."""
    root = tmp_path_factory.mktemp("any")
    for stem, body in files.items():
        if not stem.endswith((".", " ")) and is_context(body):
            file = root / "acme" / "contexts" / f"{stem}.md"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(body.encode())
    (root / "acme" / "__init__.py").touch()
    (root / "acme" / "lev.toml").write_text(TOML)
    package = Package("acme", root / "acme", version="1")
    try:
        wanted = {export.name: export.for_llm()["text"] for export in package.exports() if export.kind == "context"}
    except LevError:  # two names that are one in Python
        assume(False)
    app = root / "app"
    for path, data in rendered(package).files.items():
        target = app / "node_modules" / "acme" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    program = f"""
        import {{ createRequire }} from "node:module";
        const require = createRequire(import.meta.url);
        const found = {{}};
        for (const name of {json.dumps(list(wanted))})
          found["x" + name] = [(await import("acme/contexts/" + name)).text, require("acme/contexts/" + name).text];
        console.log(JSON.stringify(found));
    """
    assert ask(node, app, program) == {f"x{name}": [text, text] for name, text in wanted.items()}


def is_context(body: str) -> bool:
    """Whether Python takes it: hidden characters, for one, are refused."""
    try:
        Context.parse(body.encode())
    except LevError:
        return False
    return True


def test_npm_packs_and_installs_it(tmp_path: Path, acme: Path) -> None:
    """As it is: every file is in the tarball, and installing it needs nothing else."""
    packed = execute(["npm", "pack", "--json", "--pack-destination", str(tmp_path)], acme)
    assert packed.returncode == 0, packed.stderr
    [said] = json.loads(packed.stdout)
    assert {file["path"] for file in said["files"]} == {
        path.relative_to(acme).as_posix() for path in acme.rglob("*") if path.is_file()
    }
    home = tmp_path / "installed"
    home.mkdir()
    (home / "package.json").write_text("{}")
    tarball = str(tmp_path / said["filename"])
    done = execute(["npm", "install", "--offline", "--no-audit", "--no-fund", tarball], home)
    assert done.returncode == 0, done.stderr
    assert (home / "node_modules/acme-support/dist/index.js").is_file()


def test_agents_find_its_skill(app: Path, twin: Twin, gate: Run, make_package: MakePackage) -> None:
    """TanStack Intent lists the package among what is installed, with its skill."""
    package = make_package(TOML, {"contexts/tone.md": "---\ndescription: How we write.\n---\nBe brief.\n"})
    (package.root.parent / "pyproject.toml").write_text(
        '[project]\nname = "acme"\n[project.urls]\nRepository = "https://example.org/acme"\n'
    )
    twin(package)
    (app / "package.json").write_text('{"type": "module", "dependencies": {"acme": "1.2.0"}}')
    said = gate("intent", "list", "--json")
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert [(item["name"], item["version"]) for item in found["packages"]] == [("acme", "1.2.0")]
    assert [item["use"] for item in found["skills"]] == ["acme#acme"], found["skills"]


def test_publint(acme: Path, gate: Run) -> None:
    """Not even a suggestion; a target that is missing would be found."""
    said = gate("publint", "--strict", cwd=acme)
    assert said.returncode == 0, said.stdout
    assert "All good!" in said.stdout
    (acme / "dist/index.cjs").unlink()
    assert gate("publint", "--strict", cwd=acme).returncode == 1


ODD_TOML = TOML + '"./two" = { llm-first = "./contexts/a.md", llm = "./b.md", deprecated = "use ./contexts/a" }\n'


def test_odd_names_pass_too(twin: Twin, gate: Run, make_package: MakePackage) -> None:
    """Hyphens, reserved words, other scripts, spaces, two texts for one name, what is deprecated, a scope."""
    names = ["a", "class", "refund-policy", "日本 é", "delete", "A-b", "x.y", "deep/er/tone"]
    files = {f"contexts/{name}.md": f"# {name}\n" for name in names} | {"b.md": "b\n", "flows/odd.yaml": SCHEMAS}
    folder = twin(make_package(ODD_TOML + '[npm]\nname = "@acme/odd"\n', files))
    said = gate("publint", "--strict", cwd=folder)
    assert said.returncode == 0, said.stdout
    said = gate("attw", "--pack", ".", cwd=folder)
    assert said.returncode == 0, said.stdout


def test_are_the_types_wrong(acme: Path, gate: Run) -> None:
    """They are right for every way of resolving, old Node included; shared by both formats they would not be."""
    said = gate("attw", "--pack", ".", "--format", "table-flipped", cwd=acme)
    assert said.returncode == 0, said.stdout
    manifest = acme / "package.json"
    manifest.write_text(manifest.read_text("utf-8").replace("index.d.cts", "index.d.ts"), "utf-8")
    assert gate("attw", "--pack", ".", cwd=acme).returncode == 1


GOOD = """
import { executiveContext, triageFlow, type Context, type Flow } from "acme-support";
import refund, { inputSchema, type Input as RefundInput } from "acme-support/tools/refund";
import triage, { type Input, type Output } from "acme-support/flows/triage";
import tone, { text } from "acme-support/contexts/tone";
declare function run<I, O>(flow: Flow<I, O>, input: I): Promise<O>;
const input: Input = { message: "x", reply_with: "model" };
const context: Context = executiveContext;
const arguments_: RefundInput = { order_id: "1", amount_cents: 5, reason: "x" };
export async function main(): Promise<"desk" | "person"> {
  const output: Output = await run(triage, input);
  const other = await run(triageFlow, { message: "y" });
  return context.text + text + tone.digest + refund.name + inputSchema.type + output.category + arguments_.reason
    ? other.decided : "person";
}
"""
WRONG = (
    ("flows/triage", 'export const misspelled: Input = { mesage: "x" };'),
    ("flows/triage", 'export const noSuchChoice: Input = { message: "x", reply_with: "me" };'),
    ("flows/triage", "export const noSuchResult = (output: Output) => output.kategory;"),
    ("tools/refund", 'export const number: Input = { order_id: 1, amount_cents: 5, reason: "x" };'),
    ("flows/triage", "export const through = run(item, { message: 1 });"),
    ("contexts/tone", 'item.text = "x";'),
    ("contexts/gone", "export { item };"),
    ("flows/triage", 'export { goneContext } from "acme-support";'),
)
WRONG_HEAD = """
import item{types} from "acme-support/{module}";
import type {{ Flow }} from "acme-support";
declare function run<I, O>(flow: Flow<I, O>, input: I): O;
"""


def wrong_files() -> dict[str, str]:
    """A module for each wrong use."""
    files = {}
    for number, (module, line) in enumerate(WRONG):
        types = "" if module.startswith("contexts") else ", { type Input, type Output }"
        files[f"wrong{number}.ts"] = WRONG_HEAD.format(types=types, module=module) + line + "\n"
    return files


OPTIONS = {"strict": True, "noEmit": True, "target": "es2022", "types": [], "skipLibCheck": False}
MODES: dict[str, dict[str, Any]] = {
    "bundler": {"module": "esnext", "moduleResolution": "bundler"},
    "nodenext": {"module": "nodenext", "moduleResolution": "nodenext"},
    "nodenext-llm": {"module": "nodenext", "moduleResolution": "nodenext", "customConditions": ["llm"]},
}


def compiled(gate: Run, app: Path, files: dict[str, str], mode: str) -> subprocess.CompletedProcess[str]:
    """What `tsc` says of a project of these files."""
    (app / "package.json").write_text('{"type": "module"}')
    for name, text in files.items():
        (app / name).write_text(text, "utf-8")
    config = {"compilerOptions": {**OPTIONS, **MODES[mode]}, "files": list(files)}
    (app / "tsconfig.json").write_text(json.dumps(config))
    return gate("tsc", "--project", ".")


@pytest.mark.parametrize("mode", MODES)
def test_typescript(app: Path, acme: Path, gate: Run, mode: str) -> None:
    """Right use compiles, as a module and as CommonJS; each wrong use is an error in its own file, and no other."""
    said = compiled(gate, app, {"good.ts": GOOD} | ({} if mode == "bundler" else {"common.cts": GOOD}), mode)
    assert said.returncode == 0, said.stdout
    wrong = wrong_files()
    said = compiled(gate, app, wrong, mode)
    assert said.returncode != 0
    assert {line.partition("(")[0] for line in said.stdout.splitlines() if "error" in line} == set(wrong), said.stdout


SCHEMAS = """
flowmind: 1
name: odd
input_schema:
  type: object
  properties:
    node: {$ref: "#/$defs/node"}
    any: {anyOf: [{$ref: "#/$defs/json"}, {type: "null"}]}
    "a-b": {type: array, items: {enum: [a, 1, null]}}
    pair: {type: array, prefixItems: [{type: string}, {type: integer}]}
    more: {type: object, additionalProperties: {type: number}}
  required: [node]
  $defs:
    node: {type: object, description: "*/ x", properties: {next: {$ref: "#/$defs/node"}, class: {type: string}}}
    json: {anyOf: [{type: string}, {type: array, items: {$ref: "#/$defs/json"}}]}
    loop: {$ref: "#/$defs/loop"}
steps:
  - set: {a: 1}
"""
ODD = """
import type { Input } from "acme/flows/odd";
export const x: Input = {
  node: { next: { class: "x" } }, any: ["a", ["b", []]], "a-b": ["a", 1, null], pair: ["a", 1], more: { a: 1 },
};
"""


def test_odd_schemas(app: Path, twin: Twin, gate: Run, make_package: MakePackage) -> None:
    """Recursion, names that are no identifiers, tuples: types that TypeScript takes."""
    twin(make_package(TOML, {"flows/odd.yaml": SCHEMAS}))
    said = compiled(gate, app, {"odd.ts": ODD}, "nodenext")
    assert said.returncode == 0, said.stdout
    said = compiled(gate, app, {"odd.ts": ODD.replace('pair: ["a", 1]', "pair: [1]")}, "nodenext")
    assert "odd.ts(4,88)" in said.stdout


@pytest.mark.parametrize("source", ["acme-support", "acme-support/contexts/tone"])
def test_bundlers_drop_what_is_unused(app: Path, acme: Path, gate: Run, source: str) -> None:
    """Of all that the package holds, one context is in the bundle."""
    name = "toneContext" if source == "acme-support" else "default as toneContext"
    (app / "one.js").write_text(f'import {{ {name} }} from "{source}";\nconsole.log(toneContext.text);\n')
    said = gate("esbuild", "one.js", "--bundle", "--format=esm", "--charset=utf8", "--outfile=out.js")
    assert said.returncode == 0, said.stderr
    out = (app / "out.js").read_text("utf-8")
    found = package_for_llm("acme_support")
    lines = {item["specifier"]: item["text"].splitlines()[-1] for item in (*found.contexts, *found.flows)}
    assert [name for name, line in lines.items() if line in out] == ["acme_support/contexts/tone"]
    assert "find_order" not in out


def test_only_what_is_read_of_a_module(app: Path, acme: Path, gate: Run) -> None:
    """The digest of a context without its text."""
    (app / "one.js").write_text('import { digest } from "acme-support/contexts/tone";\nconsole.log(digest);\n')
    assert gate("esbuild", "one.js", "--bundle", "--format=esm", "--outfile=out.js").returncode == 0
    assert len((app / "out.js").read_text("utf-8")) < 300


def test_size_limit(app: Path, acme: Path, gate: Run) -> None:
    """One context costs its own size; a limit below that fails."""
    (app / "package.json").write_text(
        '{"type": "module", "devDependencies": {"@size-limit/esbuild": "*", "@size-limit/file": "*"}}'
    )
    size = len(load_package("acme_support").export("./contexts/tone").for_llm()["text"].encode())
    check = {"path": "node_modules/acme-support/dist/index.js", "import": "{ toneContext }", "brotli": False}

    def judged(limit: int) -> subprocess.CompletedProcess[str]:
        (app / ".size-limit.json").write_text(json.dumps([{**check, "limit": f"{limit} B"}]))
        return gate("size-limit", "--json")

    said = judged(size + 600)
    assert said.returncode == 0, said.stdout + said.stderr
    assert size < json.loads(said.stdout)[0]["size"]
    assert judged(size // 2).returncode == 1


names = st.sampled_from(["a", "b", "a-b", "class", "__proto__", "constructor", "1", "é", 'x"y', "*/", ""])
DEFINED = ("one", "two", "three")
references = st.sampled_from([*DEFINED, "gone"]).map(lambda name: {"$ref": f"#/$defs/{name}"})
values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | names
leaves = (
    st.sampled_from([{}, True, {"type": "string"}, {"type": ["integer", "null"]}, {"const": "*/"}, {"type": "gone"}])
    | references
    | st.lists(values).map(lambda found: {"enum": found})
)
shapes = st.recursive(
    leaves,
    lambda inner: (
        st.builds(lambda word, options: {word: options}, st.sampled_from(["anyOf", "oneOf", "allOf", "prefixItems"]),
                  st.lists(inner, max_size=3))
        | inner.map(lambda item: {"type": "array", "items": item})
        | inner.map(lambda item: {"type": "object", "additionalProperties": item})
        | st.builds(lambda fields, more: {"properties": fields, "required": list(fields)[:1], "description": "*/",
                                          "additionalProperties": more},
                    st.dictionaries(names, inner, max_size=4), st.booleans() | inner)
    ),
    max_leaves=8,
)  # fmt: skip
choices = st.lists(references | leaves, min_size=1, max_size=3).map(lambda options: {"anyOf": options})
definitions = st.fixed_dictionaries(dict.fromkeys(DEFINED, references | choices | shapes))
schemas = st.tuples(choices | shapes.filter(lambda shape: isinstance(shape, dict)), definitions).map(
    lambda found: {**found[0], "$defs": found[1]}
)


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(found=st.lists(schemas, min_size=60, max_size=120))
def test_any_schema_is_a_type(app: Path, gate: Run, found: list[dict[str, Any]]) -> None:
    """Whatever a schema says, TypeScript takes the type that is made of it."""
    lines = []
    for number, schema in enumerate(found):
        types = Types()
        made = types.of(schema, f"S{number}")
        lines += (f"export type {name} = {text};\n" for name, text in {**types.aliases, f"T{number}": made}.items())
    said = compiled(gate, app, {"types.ts": "".join(lines)}, "nodenext")
    assert said.returncode == 0, said.stdout
