"""What a program of the stack is, how it is started, waited for and stopped. Knows no program by name."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
MARK = "ONSALE_PROCESS"  # in the environment of whatever a stack started: "HOME|NAME"

_TIED = str(Path(__file__).with_name("tied.py"))
_LOG_LIMIT_BYTES = 10_000_000
_POLL_S = 0.03


class StartFailed(Exception):
    """A program ended, or did not answer in time, while it was being started."""

    def __init__(self, name: str, reason: str, log: Path | None = None, log_tail: str = "") -> None:
        super().__init__(f"{name} {reason}")
        self.name = name
        self.reason = reason
        self.log = log
        self.log_tail = log_tail


class Interrupted(StartFailed):
    """Not a failure of its own: something it needs has failed, or the whole start was called off."""


Environment = Mapping[str, str]


def _nothing(_: Environment) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Program:
    """One program: `prepare` runs before each start (idempotent), `answers` says that it serves."""

    name: str
    command: tuple[str, ...]
    answers: Callable[[], bool]
    port: int = 0
    env: Mapping[str, str] = field(default_factory=dict)  # besides the environment of the stack
    prepare: Callable[[Environment], None] = _nothing
    start_within_s: float = 30.0
    stop_within_s: float = 5.0  # then it is killed


@dataclass(frozen=True, slots=True)
class Child:
    """A program that this process has started."""

    program: Program
    process: subprocess.Popen[bytes]
    log: Path
    log_offset: int  # where this run's lines begin

    def log_tail(self, lines: int = 20) -> str:
        """Return the end of what this run wrote."""
        with self.log.open("rb") as log:
            log.seek(max(self.log_offset, self.log.stat().st_size - 20_000))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])


class _Spawner(threading.Thread):
    """The thread that forks tied children: it never ends, as they would die with it (see tied.py)."""

    def __init__(self) -> None:
        super().__init__(name="spawner", daemon=True)
        self._jobs: queue.SimpleQueue[tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]]
        self._jobs = queue.SimpleQueue()
        self.pid = os.getpid()

    def run(self) -> None:
        while True:
            job, future = self._jobs.get()
            try:
                future.set_result(job())
            except OSError as error:
                future.set_exception(error)

    def do(self, job: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        future: Future[subprocess.Popen[bytes]] = Future()
        self._jobs.put((job, future))
        return future.result()


_spawner: _Spawner | None = None
_started: list[subprocess.Popen[bytes]] = []  # kept, as a forgotten Popen warns that its process still runs
_spawner_lock = threading.Lock()


def _in_spawner(job: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    global _spawner
    with _spawner_lock:
        if _spawner is None or _spawner.pid != os.getpid():
            _spawner = _Spawner()
            _spawner.start()
    return _spawner.do(job)


def spawn(program: Program, *, log: Path, env: Mapping[str, str], tied: bool) -> Child:
    """Start a program in a session of its own (Ctrl-C is for its starter), its output appended to `log`.

    `tied` children die with this process, even by kill -9; the others outlive it. Raises StartFailed.
    """
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))
    command: Sequence[str] = program.command
    if tied:
        command = (sys.executable, "-I", "-S", _TIED, str(os.getpid()), *command)
    with log.open("ab") as output:
        offset = output.tell()

        def job() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**env, **program.env},
                cwd=PROJECT,
                start_new_session=True,
            )

        try:
            process = _in_spawner(job) if tied else job()
            with _spawner_lock:
                _started.append(process)
        except OSError as error:
            raise StartFailed(program.name, f"cannot be started: {error}", log) from error
    return Child(program, process, log, offset)


def reap() -> None:
    """Take note of those children of this process that have ended; until then they linger as zombies."""
    with _spawner_lock:
        _started[:] = [process for process in _started if process.poll() is None]


def run_to_end(name: str, purpose: str, command: Sequence[str], env: Environment) -> None:
    """Run a command of a program's preparation. Raises StartFailed, with what it printed, unless it succeeds."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=env,
        cwd=PROJECT,
        start_new_session=True,
        check=False,
    )
    if done.returncode != 0:
        raise StartFailed(name, f"could not {purpose}", log_tail=done.stdout.decode(errors="replace")[-3000:])


def wait_until_it_answers(child: Child, cancelled: threading.Event | None = None) -> None:
    """Return when the program serves. Raises StartFailed if it ends or takes too long."""
    program = child.program
    deadline_s = time.monotonic() + program.start_within_s
    while True:
        status = child.process.poll()
        if status is not None:
            how = f"by signal {-status}" if status < 0 else f"with exit status {status}"
            raise StartFailed(program.name, f"ended while starting, {how}", child.log, child.log_tail())
        if program.answers():
            return
        if cancelled is not None and cancelled.is_set():
            raise Interrupted(program.name, "was interrupted while starting")
        if time.monotonic() > deadline_s:
            reason = f"did not answer within {program.start_within_s:g} s"
            raise StartFailed(program.name, reason, child.log, child.log_tail())
        time.sleep(_POLL_S)


def stop_child(child: Child, *, kill: bool = False) -> None:
    """End a child of this process and reap it; one that takes longer than its `stop_within_s` is killed."""
    process = child.process
    if process.poll() is None:
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
    try:
        process.wait(child.program.stop_within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
