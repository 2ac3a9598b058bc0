"""Bring a topology about: each node in a thread of its own that waits for those it needs. Starts, never stops."""

import hashlib
import json
import threading
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

import psutil

from ops.local import containers, modes, records, topology
from ops.local.addresses import URL_OF, Announce
from ops.local.home import Home
from ops.local.program import MARK, Interrupted, Program, StartFailed, run_to_end, spawn, wait_until_it_answers
from ops.local.shutdown import stop, undisturbed
from ops.local.topology import Node, Topology

HUNG_AFTER_S = 5.0  # a process that runs but does not answer for so long is started anew
GIVEN_WITHIN_S = 5.0
_POLL_S = 0.05

Alive = Mapping[str, tuple[records.Record, psutil.Process]]


class Startup:
    """One run of `up`. `conditions` tells per node: started, restarted, running, given, done."""

    def __init__(
        self, home: Home, plan: Topology, alive: Alive, base: Mapping[str, str], *, tied: bool, announce: Announce
    ) -> None:
        self.conditions: dict[str, str] = {}
        self.started: list[str] = []
        self.fresh_containers: tuple[str, ...] = ()
        self._home, self._plan, self._alive, self._tied, self._announce = home, plan, alive, tied, announce
        self._env = {**base, **plan.env}
        self._cancelled = threading.Event()
        self._futures: dict[str, Future[None]] = {}

    def run(self) -> None:
        """Return when every node is there. Raises the first StartFailed; the rest has then given up too."""
        pool = ThreadPoolExecutor(len(self._plan.nodes), thread_name_prefix="up")
        try:
            for node in self._plan.nodes:
                self._futures[node.name] = pool.submit(self._bring_about, node)
            wait(self._futures.values(), return_when=FIRST_EXCEPTION)
        finally:
            with undisturbed():
                self._cancelled.set()
                pool.shutdown(wait=True)
        failures = [future.exception() for future in self._futures.values()]
        for failure in sorted(filter(None, failures), key=lambda each: isinstance(each, Interrupted)):
            raise failure

    def _bring_about(self, node: Node) -> None:
        for name in node.after:
            if self._futures[name].exception() is not None:
                raise Interrupted(node.name, f"needs {name}")
        self._unless_cancelled(node.name)
        began_s = time.monotonic()
        if node.program is not None:
            condition = self._program(node.program)
        elif node.containers:
            condition = self._containers(node)
        elif node.given is not None:
            condition = self._given(node)
        else:
            condition = self._step(node)
        self.conditions[node.name] = condition
        if condition not in ("running", "given", "container", "skipped"):
            self._announce(f"{node.name} {condition} in {time.monotonic() - began_s:.1f} s")

    def _unless_cancelled(self, name: str) -> None:
        if self._cancelled.is_set():
            raise Interrupted(name, "was interrupted")

    def _given(self, node: Node) -> str:
        contained = containers.STEP in node.after
        if node.given is None or not self._answers(node.given, GIVEN_WITHIN_S):
            where = "at its port, though its container is healthy" if contained else "at the {} that is set"
            raise StartFailed(node.name, f"does not answer {where.format(URL_OF[node.name])}")
        return "container" if contained else "given"

    def _containers(self, node: Node) -> str:
        before = containers.running(self._home, self._plan.state)
        self.fresh_containers = tuple(name for name in node.containers if name not in before)
        if self.fresh_containers:
            self._announce(f"docker compose brings up {', '.join(self.fresh_containers)}; images are fetched first")
        env = {**self._env, **containers.environment(self._plan.state)}
        containers.up(self._home, node.containers, env, self._cancelled)
        return "done"

    def _answers(self, question: topology.Question, within_s: float) -> bool:
        deadline_s = time.monotonic() + within_s
        while not question():
            if time.monotonic() > deadline_s or self._cancelled.is_set():
                return False
            time.sleep(_POLL_S)
        return True

    def _step(self, node: Node) -> str:
        if node.name == "sale" and self._plan.state.first_sale_in == self._env["REDIS_URL"]:
            return "skipped"
        run_to_end(node.name, "be prepared", node.step, self._marked(node.name))
        return "deployed" if node.name == modes.STEP else "done"

    def _marked(self, name: str) -> dict[str, str]:
        return {**self._env, MARK: records.mark(self._home, name)}

    def _program(self, program: Program) -> str:
        name, condition = program.name, "started"
        settings = self._digest(program)
        if name in self._alive:
            record, process = self._alive[name]
            if record.settings == settings and self._answers(program.answers, HUNG_AFTER_S):
                return "running"
            self._unless_cancelled(name)
            reason = "does not answer" if record.settings == settings else "has new settings"
            self._announce(f"{name} {reason}: restarting it")
            stop({name: process})
            left = records.marked(self._home, (name,))  # what it had started: functions at work outlive an emulator
            stop({str(each.pid): each for each in left}, kill=True)
            condition = "restarted"
        env = self._marked(name)
        program.prepare(env)
        self._unless_cancelled(name)
        self.started.append(name)
        log = topology.log_of(self._home, name)
        child = spawn(program, log=log, env=env, tied=self._tied)
        records.write(self._home, name, child.process.pid, port=program.port, log=log, settings=settings)
        wait_until_it_answers(child, self._cancelled)
        return condition

    def _digest(self, program: Program) -> str:
        shared = self._plan.env if program.name in topology.WORKERS else {}
        text = json.dumps([program.command, dict(program.env), shared], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
