"""A real Mastra server for tests: installed by npm into `.tools/mastra` the first time, on a port of its own."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

TOKEN = "a-token"
AGENT = "memory-agent"
HOME = Path(__file__).resolve().parents[4] / ".tools" / "mastra"
_SCRIPT = Path(__file__).with_name("mastra_server.mjs")
_PACKAGES = (
    "@mastra/core@1.71.0", "@mastra/memory@1.31.0", "@mastra/libsql@1.23.1", "@mastra/pg@1.27.1", "@mastra/hono@1.7.9",
    "@hono/node-server@1.19.19", "hono@4", "zod@4",
)  # fmt: skip
_NPM = ("npm", "install", "--no-save", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")


def install() -> Path:
    """The folder with Mastra's packages; skips without Node and npm."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("needs Node.js 20 or newer, with npm")
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / ".lock").open("w") as lock:  # several workers may want it at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install()
    return HOME


def _install() -> None:
    stamp = HOME / ".packages"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != "\n".join(_PACKAGES):
        (HOME / "package.json").write_text('{"type": "module", "private": true}\n', encoding="utf-8")
        done = subprocess.run([*_NPM, "--prefix", str(HOME), *_PACKAGES], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"npm cannot install Mastra: {done.stderr.strip()[-300:]}")
        stamp.write_text("\n".join(_PACKAGES), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs: the URL of its memory, token included."""

    url: str
    process: subprocess.Popen[str]


@contextlib.contextmanager
def serving(database: Path | str, *, port: int = 0) -> Iterator[str]:
    """A server with its memory in a LibSQL file or at PostgreSQL's URL; the URL of that memory, token included."""
    with running(database, port=port) as server:
        yield server.url


@contextlib.contextmanager
def running(database: Path | str, *, port: int = 0) -> Iterator[Server]:
    """The same with its process."""
    script = install() / f"server-{os.getpid()}.mjs"  # Node looks for packages from where the script lies
    shutil.copyfile(_SCRIPT, script)
    where = database if isinstance(database, str) else f"file:{database}"
    env = {**os.environ, "MASTRA_DB_URL": where, "MASTRA_TOKEN": TOKEN, "PORT": str(port)}
    try:
        with started(["node", str(script)], env | {"MASTRA_TELEMETRY_DISABLED": "1"}) as (said, process):
            yield Server(f"mastra+http://{TOKEN}@127.0.0.1:{said.split()[-1]}", process)
    finally:
        script.unlink(missing_ok=True)


@contextlib.contextmanager
def started(command: Sequence[str], env: dict[str, str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A program that says `ready …` once; it is ended afterwards."""
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("ready"):
                break
        else:
            pytest.fail(f"the server did not start: {said[-600:]}")
        yield line, process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
