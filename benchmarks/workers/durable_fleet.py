"""Workers as processes of their own on one PostgreSQL. Arguments: database, `throughput` | `recovery` | `waiting`,
and how many runs wait."""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from pathlib import Path
from statistics import median, quantiles

from lev_os.core import Flow
from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.packaging import find
from lev_os.workflow import send
from lev_os.workflow.client import enqueue, ordered
from lev_os.workflow.database import open_database
from lev_os.workflow.runs import list_states, look

TOOLS = '''
    import asyncio
    from lev_os.core import tool

    __all__ = ["pause"]

    @tool(effects=(), idempotent=True)
    async def pause(seconds: float) -> float:
        """Wait."""
        await asyncio.sleep(seconds)
        return seconds
'''
STEPS = 10
PAUSES = "".join(
    f"  - {{id: s{i}, call: ./tools/pause, with: {{seconds: '${{input.seconds}}'}}}}\n" for i in range(STEPS)
)
FLOWS = {
    "pauses": f"flowmind: 1\nname: pauses\ninput: {{seconds: number}}\noutput: {{done: boolean}}\nsteps:\n{PAUSES}"
    "  - return: {done: true}\n",
    "waits": "flowmind: 1\nname: waits\ninput: {n: integer}\noutput: {n: integer}\nsteps:\n"
    "  - {id: before, call: ./tools/pause, with: {seconds: 0.0}}\n"
    "  - {id: go, wait: go, returns: {ok: boolean}}\n"
    '  - return: {n: "${input.n}"}\n',
}


class Fleet:
    """A package, a database, and workers on both."""

    def __init__(self, url: str, root: Path) -> None:
        self.url, self.root = url, root
        self.database = open_database(url)
        package = root / "benchdesk"
        (package / "flows").mkdir(parents=True)
        (root / "pyproject.toml").touch()
        (package / "__init__.py").touch()
        (package / "lev.toml").write_text(
            'format = 1\ndescription = "Pauses."\n[exports]\n"./flows/*" = { llm = "./flows/*.yaml" }\n'
            '"./tools/*" = { python = "benchdesk.tools:*" }\n'
        )
        (package / "tools.py").write_text(textwrap.dedent(TOOLS))
        for name, text in FLOWS.items():
            (package / "flows" / f"{name}.yaml").write_text(text)
        sys.path.insert(0, str(root))
        self.processes: dict[str, subprocess.Popen[str]] = {}

    def worker(self, name: str, concurrency: int) -> subprocess.Popen[str]:
        process = self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", "lev_os.cli", "worker", "--database", self.url, "--name", name,
             "--concurrency", str(concurrency), "--drain", "1"],
            cwd=self.root, env={**os.environ, "PYTHONPATH": str(self.root)}, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("at work on"):
                return process
        raise SystemExit("a worker did not start")

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            process.wait()
        self.processes.clear()

    def linked(self, name: str) -> LinkedFlow:
        package, subpath = find(f"benchdesk/flows/{name}")
        text, path = package.read(subpath, "llm")
        return Flow.parse(text, package=package, path=str(path), specifier=f"benchdesk/flows/{name}").link()

    def start(self, flow: str, runs: int, value: dict[str, object], prefix: str) -> None:
        linked = self.linked(flow)
        for number in range(runs):
            given = {**value, "n": number} if flow == "waits" else value
            enqueue(self.database, ordered(linked, given, queue="default", run=f"{prefix}-{number}"))

    def count(self, prefix: str, *status: str) -> int:
        client = self.database.client
        return len(
            client.list_workflows(
                name="lev.run",
                status=list(status),
                workflow_id_prefix=f"{prefix}-",
                load_input=False,
                load_output=False,
            )
        )


def throughput(fleet: Fleet) -> dict[str, float]:
    """Steps a second with one worker and with four, two runs at a time in each."""
    found = {}
    for name, workers in (("one", 1), ("four", 4)):
        for number in range(workers):
            fleet.worker(f"{name}{number}", 2)
        fleet.start("pauses", 4 * workers, {"seconds": 0.0}, f"warm-{name}")
        while fleet.count(f"warm-{name}", "SUCCESS") < 4 * workers:
            time.sleep(0.1)
        runs = 15 * workers
        fleet.start("pauses", runs, {"seconds": 0.05}, name)
        ids = {row.workflow_id: row for row in _rows(fleet, name, runs)}
        began = min(row.dequeued_at for row in ids.values())
        ended = max(row.completed_at for row in ids.values())
        found[name] = runs * STEPS / ((ended - began) / 1000)
        fleet.stop()
    return found


def _rows(fleet: Fleet, prefix: str, runs: int) -> list[object]:
    while fleet.count(prefix, "SUCCESS") < runs:
        time.sleep(0.3)
    return fleet.database.client.list_workflows(
        name="lev.run", workflow_id_prefix=f"{prefix}-", load_input=False, load_output=False
    )


def recovery(fleet: Fleet) -> dict[str, float]:
    """Seconds from the death of one worker of three until all its runs are under way again."""
    for name in ("a", "b", "c"):
        fleet.worker(name, 24)  # so that the others have room for all of them
    fleet.start("pauses", 24, {"seconds": 3.0}, "long")
    while fleet.count("long", "PENDING") < 24:
        time.sleep(0.1)
    time.sleep(1)
    at_work = Counter(state.worker for state in list_states(fleet.database, status="running", steps=False))
    victim = str(at_work.most_common(1)[0][0])
    fleet.processes[victim].send_signal(signal.SIGKILL)
    fleet.processes[victim].wait()
    killed = time.time()
    lost = {state.run for state in list_states(fleet.database, status="running", steps=False) if state.worker == victim}
    left = set(lost)
    while left:
        states = {state.run: state for state in list_states(fleet.database, steps=False)}
        left = {run for run in left if states[run].worker == victim or states[run].status == "queued"}
        time.sleep(0.1)
    seconds = time.time() - killed
    fleet.stop()
    return {"seconds": seconds, "runs": len(lost)}


def waiting(fleet: Fleet, runs: int) -> dict[str, float]:
    """What `runs` waiting runs take in the worker that has driven them there, and how soon one goes on."""
    process = fleet.worker("w", 20)
    fleet.start("waits", 50, {}, "warm")
    while fleet.count("warm", "CANCELLED") < 50:
        time.sleep(0.2)
    before = resident(process.pid)
    fleet.start("waits", runs, {}, "wait")
    while fleet.count("wait", "ENQUEUED", "PENDING"):
        time.sleep(1)
    time.sleep(3)
    extra = (resident(process.pid) - before) / 1e6
    taken = []
    for number in range(0, runs, max(1, runs // 60)):
        began = time.perf_counter()
        asyncio.run(_woken(fleet, f"wait-{number}"))
        taken.append(time.perf_counter() - began)
    fleet.stop()
    return {
        "runs": fleet.count("wait", "CANCELLED", "SUCCESS"),
        "extra_mb": extra,
        "woken": len(taken),
        "median": median(taken),
        "p95": quantiles(taken, n=20)[-1],
    }


def resident(pid: int) -> int:
    """Bytes of a process that are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


async def _woken(fleet: Fleet, run: str) -> None:
    await send(run, "go", {"ok": True}, database=fleet.database)
    while look(fleet.database, run).status != "done":
        await asyncio.sleep(0.02)


with tempfile.TemporaryDirectory() as folder:
    made = Fleet(sys.argv[1], Path(folder))
    kinds = {"throughput": throughput, "recovery": recovery}
    said = waiting(made, int(sys.argv[3])) if sys.argv[2] == "waiting" else kinds[sys.argv[2]](made)
    made.stop()
print(json.dumps(said))
