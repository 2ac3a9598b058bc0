"""The local stack as a whole: bring everything about, say what runs, stop it, leave nothing behind.

Two ways of use. `onsale up` starts processes that outlive it and records them in the home; whoever comes later finds
them by these records. `private_stack()` is for the demo and the tests: a home of its own in a temporary folder, free
ports, no setting of the shell, and processes that die with this one whatever becomes of it.
"""

import os
import shutil
import tempfile
from collections.abc import Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from ops.local import aws, containers, modes, ports, prometheus, records, topology
from ops.local.addresses import PORT_OF, SERVERS, URL_OF, Announce
from ops.local.home import Home
from ops.local.program import StartFailed
from ops.local.shutdown import stop, undisturbed
from ops.local.startup import Startup
from ops.metrics import shared

# A process that was killed a moment ago may still count as running, and be gone when the rest has been started.
_PASSES = 3


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """One line of `onsale status`. `pid` is 0 for what does not run here: stopped, or a server given by URL."""

    name: str
    pid: int
    port: int
    log: str
    healthy: bool
    condition: str  # running, stopped, given, container, deployed; after `up` also started, restarted


def _quietly(_: str) -> None:
    return None


class Stack:
    """The processes of one home. `tied` ones die with this process; `only` names the nodes wanted.

    `functions` says where functions run, one of `modes.MODES`, `observe` whether Prometheus runs; None for either: as
    with the last `up`.
    """

    def __init__(
        self,
        home: Home,
        *,
        environment: Mapping[str, str] | None = None,
        only: Sequence[str] = topology.EVERYTHING,
        functions: str | None = None,
        observe: bool | None = None,
        tied: bool = False,
        announce: Announce = _quietly,
    ) -> None:
        self.home = home
        self.env: dict[str, str] = home.read_env()  # the settings that every process and client needs
        self._environment = dict(os.environ if environment is None else environment)
        self._only = tuple(only)
        self._functions = functions
        self._observe = observe
        self._tied = tied
        self._announce = announce

    def up(self) -> list[ProcessInfo]:
        """Start what is missing, in order, and return what runs. Safe to repeat, and to run twice at once.

        Raises StartFailed or BadSetting; then, as on Ctrl-C, what this call has started is stopped again.
        """
        self.home.create()
        with self._locked():
            for _ in range(_PASSES):
                found = self._bring_about()
                if all(each.condition != "stopped" for each in found):
                    break
        return found

    def _bring_about(self) -> list[ProcessInfo]:
        alive = self._alive()
        self._kill_strays(alive)
        shared.prepare(self.home.run, anew=not alive)
        running = {name: record.port for name, (record, _) in alive.items() if record.port}
        before = self.home.read_state()
        contained = containers.running(self.home, before)
        running |= {name: before.ports[name] for name in contained}
        plan = self._plan(running)
        if others := [name for name in topology.left_out(plan.state) if name in alive]:
            self._stop(others)  # of what it was before
        wanted = next((node.containers for node in plan.nodes if node.name == containers.STEP), ())
        containers.stop(self.home, [name for name in contained if name not in wanted], self._environment)
        self.home.write_state(plan.state)
        startup = Startup(self.home, plan, alive, self._base(), tied=self._tied, announce=self._announce)
        try:
            startup.run()
        except BaseException:
            with undisturbed():
                self._stop(startup.started)
                with suppress(StartFailed):  # what went wrong first is what counts
                    containers.stop(self.home, startup.fresh_containers, self._environment)
            raise
        self.env = plan.env
        self.home.write_env({name: value for name, value in plan.env.items() if name not in PORT_OF.values()})
        if "sale" in startup.conditions:
            self.home.write_state(replace(plan.state, first_sale_in=plan.env["REDIS_URL"]))
        done = startup.conditions
        return [
            each if each.condition == "stopped" else replace(each, condition=done[each.name]) for each in self.status()
        ]

    def start(self, name: str) -> None:
        """Start one process that has ended, and nothing else: nothing is prepared, no other is looked at.

        Returns when it answers; at once where it runs. Raises StartFailed, also for what is no process of this stack.
        """
        with self._locked():
            alive = self._alive()
            left = records.marked(self.home, () if name in alive else (name,))  # workers that outlive their parent
            stop({str(each.pid): each for each in left}, kill=True)
            running = {each: record.port for each, (record, _) in alive.items() if record.port}
            plan = self._plan(running)
            nodes = tuple(replace(node, after=()) for node in plan.nodes if node.name == name and node.program)
            if not nodes:
                raise StartFailed(name, "is no process of this stack")
            plan = replace(plan, nodes=nodes)
            startup = Startup(self.home, plan, alive, self._base(), tied=self._tied, announce=self._announce)
            try:
                startup.run()
            except BaseException:
                with undisturbed():
                    self._stop(startup.started)
                raise

    def end(self, name: str, *, kill: bool = False) -> None:
        """End one process of this stack; the others stay, and miss it. `start` brings it back, `up` too."""
        with self._locked(), undisturbed():
            alive = self._alive()
            if name in alive:
                stop({name: alive[name][1]}, kill=kill)
            self._stop((name,))

    def down(self, *, volumes: bool = False) -> list[str]:
        """Stop everything of this home and return the names of what ran. Data, logs and settings stay.

        `volumes`: the data of containers do not. Raises StartFailed where Docker does not let go of a container.
        """
        if not self.home.exists:
            return []
        with self._locked(), undisturbed():
            state = self.home.read_state()
            stopped = self._stop()
            contained = containers.running(self.home, state)
            containers.down(self.home, state, self._environment, volumes=volumes or self._tied)
            return [*stopped, *contained]

    def wipe(self) -> list[Path]:
        """Stop everything and remove all that `up` made, data included. Returns what is gone."""
        self.down(volumes=True)
        return self.home.wipe()

    def status(self) -> list[ProcessInfo]:
        """Ask every process and every given server of the last `up` whether it answers."""
        if not self.home.exists:
            return []
        state, alive = self.home.read_state(), self._alive()
        questions, contained = (
            topology.questions(self.env, state.ports.get("metrics", 0)),
            containers.running(self.home, state),
        )
        questions[prometheus.NAME] = lambda: prometheus.answers(state.ports[prometheus.NAME])

        def row(name: str) -> ProcessInfo:
            answers = questions.get(name, lambda: True)
            if name == modes.STEP:  # no process of its own: it runs within `aws`
                healthy = "aws" in alive and answers()
                return ProcessInfo(name, 0, state.ports["aws"], "", healthy, "deployed" if healthy else "stopped")
            if name in alive:
                record, process = alive[name]
                return ProcessInfo(name, process.pid, record.port, record.log, answers(), "running")
            if name in contained:
                where = f"docker: {containers.project(self.home)}"
                return ProcessInfo(name, 0, state.ports[name], where, answers(), "container")
            if name in SERVERS and URL_OF[name] not in state.own:
                return ProcessInfo(name, 0, 0, "", answers(), "given")
            log = topology.log_of(self.home, name)
            return ProcessInfo(name, 0, state.ports.get(name, 0), str(log), False, "stopped")

        if not state.names:
            return []
        with ThreadPoolExecutor(len(state.names)) as pool:
            return list(pool.map(row, state.names))

    def pid(self, name: str) -> int:
        """Return the pid of a running process. Raises KeyError if it does not run."""
        return self._alive()[name][1].pid

    def _plan(self, running: Mapping[str, int]) -> topology.Topology:
        asked = (self._functions, self._observe)
        return topology.plan(self.home, self._environment, running, self._announce, self._only, *asked)

    def _base(self) -> dict[str, str]:
        """Return what processes get besides the settings; a shell may have read an older `env`."""
        return {k: text for k, text in self._environment.items() if k not in topology.SETTINGS and text != aws.DUMMY}

    def _locked(self) -> AbstractContextManager[None]:
        return self.home.locked(lambda: self._announce("waiting for another `up` or `down` in this home"))

    def _alive(self) -> dict[str, tuple[records.Record, psutil.Process]]:
        found = {}
        for name, record in records.read(self.home).items():
            process = records.process_of(self.home, record)
            if process is not None:
                found[name] = (record, process)
        return found

    def _kill_strays(self, alive: Container[str]) -> None:
        """End what a killed `up` or a killed parent has left: it holds ports and data, and no record tells of it."""
        dead = {name for name in topology.EVERYTHING if name not in alive}
        stop({str(each.pid): each for each in records.marked(self.home, dead)}, kill=True)

    def _stop(self, names: Sequence[str] | None = None) -> list[str]:
        """Stop the named, or all; also what carries their mark but has no record."""
        alive = {name: process for name, (_, process) in self._alive().items() if names is None or name in names}
        stop(alive, kill=self._tied)
        for name in alive:
            records.remove(self.home, name)
        left = records.marked(self.home, topology.EVERYTHING if names is None else names)
        stop({str(process.pid): process for process in left}, kill=True)
        return list(alive)


@contextmanager
def private_stack(
    settings: Mapping[str, str] | None = None,
    *,
    only: Sequence[str] = topology.EVERYTHING,
    functions: str = modes.LOCAL,
    announce: Announce = _quietly,
) -> Iterator[Stack]:
    """Run a stack that is nobody else's: own folder, free ports, and `settings` instead of the shell's.

    `stack.env` has the URLs. Everything is gone afterwards, also if this process is killed.
    """
    folder = Path(tempfile.mkdtemp(prefix="onsale-"))
    chosen = zip(PORT_OF.values(), map(str, ports.free_ports(len(PORT_OF))), strict=True)
    shell = {name: value for name, value in os.environ.items() if name not in topology.SETTINGS}
    environment = {**shell, **dict(chosen), **(settings or {})}
    stack = Stack(
        Home(folder / "s"), environment=environment, only=only, functions=functions, tied=True, announce=announce
    )
    try:
        stack.up()
        yield stack
    finally:
        with undisturbed():
            stack.down()
            shutil.rmtree(folder, ignore_errors=True)
