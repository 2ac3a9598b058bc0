"""Starts the generator's processes, opens the doors for all of them at one moment, and gathers what they tell.

The processes are independent of each other: each has its share of buyers and connections and its own schedule, and what
they did is merged here. Locust's own master and workers would add a network between them, heartbeats that fail when the
cores are busy, and users that come when the master says so rather than when the schedule does. Nothing of gevent is
imported in this process.
"""

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from chalicelib.errors import FieldError, InvalidRequest, OnsaleError
from ops.local.ports import is_free
from ops.rehearse.generator.generated import Generated, merge
from ops.rehearse.generator.orders import Orders
from ops.rehearse.generator.records import Records
from ops.rehearse.generator.second import Second
from ops.rehearse.generator.tokens import tokens_of_file
from ops.rehearse.plan import RehearsalPlan

_READY_TIMEOUT_S = 60.0
_LEAD_S = 1.0  # from the last process being ready to the doors opening
_BUYERS_PER_S = 500_000  # a process prepares so many in that time
_STOP_TIMEOUT_S = 10.0
_IN_FLIGHT_EACH = 150  # connections that one process drives with ease


def useful_processes(plan: RehearsalPlan, cores: int) -> int:
    """Return how many processes are useful: one for 150 requests in flight, no more than there are cores."""
    if plan.processes is not None:
        return plan.processes
    if plan.web_port is not None:
        return 1
    return max(1, min(cores, math.ceil(plan.in_flight / _IN_FLIGHT_EACH)))


class Generator:
    """The crowd of one rehearsal. As a context manager it leaves no process behind."""

    def __init__(
        self,
        plan: RehearsalPlan,
        url: str,
        sale_id: str,
        folder: Path,
        token_of: Callable[[str], str] | None = None,
    ) -> None:
        """`folder` is for records and logs; `token_of` mints a bearer token where the stack wants one."""
        self._plan, self._url, self._sale_id, self._folder = plan, url, sale_id, folder
        self._token_of = token_of
        self.processes = useful_processes(plan, os.cpu_count() or 1)
        self._names: dict[str, str] = {}  # by whose token a buyer comes, where the tokens are given
        self._running: list[subprocess.Popen[bytes]] = []
        self._records = Records([self._path(process, "jsonl") for process in range(1, self.processes + 1)])
        self.opened_s = math.nan  # on the monotonic clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> float:
        """Start; return when the doors open, on the monotonic clock: second 0. Raises OnsaleError when it cannot."""
        port = self._plan.web_port
        if port is not None and not is_free(port):
            raise InvalidRequest([FieldError("--web", f"the port {port} is in use")])
        self._folder.mkdir(parents=True, exist_ok=True)
        tokens = self._tokens()
        for process in range(1, self.processes + 1):
            self._start(process, tokens)
        deadline_s = time.monotonic() + _READY_TIMEOUT_S
        while self._records.ready < self.processes:
            self._records.read(self._lives)
            if not all(map(self._lives, range(self.processes))) or time.monotonic() > deadline_s:
                raise self._failed_to_start()
            time.sleep(0.02)
        self.opened_s = time.monotonic() + _LEAD_S + self._plan.buyers / _BUYERS_PER_S
        for each in self._running:
            _pipe(each).write(f"{self.opened_s!r}\n".encode())
            _pipe(each).close()
        return self.opened_s

    @property
    def is_running(self) -> bool:
        """Whether a process still has buyers to serve."""
        return any(map(self._lives, range(len(self._running))))

    def lines(self) -> list[Second]:
        """Return the seconds that are complete since the last call, all processes merged."""
        return self._records.read(self._lives)

    def finish(self, timeout_s: float) -> Generated:
        """Wait until all buyers are done, for so long at most; who is not done then counts as failed."""
        deadline_s = time.monotonic() + timeout_s
        while self.is_running and time.monotonic() < deadline_s:
            time.sleep(0.05)
        self.stop()
        self._records.read(self._lives)
        generated = merge(self._plan, self.processes, self._records.seconds, self._records.ends)
        return generated.renamed(self._names) if self._names else generated

    def stop(self) -> None:
        """End all processes; those that can write their last record. Safe to repeat."""
        for each in self._running:
            _pipe(each).close()  # who still waits for the doors to open waits here
            if each.poll() is None:
                each.terminate()
        deadline_s = time.monotonic() + _STOP_TIMEOUT_S
        for each in self._running:
            try:
                each.wait(max(0.0, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()
        for process in range(1, self.processes + 1):
            self._path(process, "tokens").unlink(missing_ok=True)

    def _start(self, process: int, tokens: list[str]) -> None:
        share, rest = divmod(self._plan.in_flight, self.processes)
        records, orders = self._path(process, "jsonl"), self._path(process, "json")
        records.write_bytes(b"")
        own = self._path(process, "tokens") if tokens else None
        if own:
            with open(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.writelines(f"{token}\n" for token in tokens[process - 1 :: self.processes])
        Orders(
            plan=self._plan,
            url=self._url,
            sale_id=self._sale_id,
            process=process,
            processes=self.processes,
            connections=share + (process <= rest),
            records=records,
            tokens=own,
            web_port=self._plan.web_port,
        ).write(orders)
        with self._path(process, "log").open("wb") as log:
            self._running.append(_popen(orders, log))

    def _tokens(self) -> list[str]:
        """Return a token for each buyer in their order, or none at all."""
        users = [self._plan.user_id(number) for number in range(1, self._plan.buyers + 1)]
        if self._plan.tokens_file:
            given = tokens_of_file(self._plan.tokens_file, self._plan.buyers)
            self._names = {user: subject for user, (subject, _) in zip(users, given, strict=True)}
            return [token for _, token in given]
        return [self._token_of(user) for user in users] if self._token_of else []

    def _lives(self, index: int) -> bool:
        return self._running[index].poll() is None

    def _path(self, process: int, kind: str) -> Path:
        return self._folder / f"generator-{process}.{kind}"

    def _failed_to_start(self) -> OnsaleError:
        self.stop()
        logs = [self._path(process, "log").read_text(errors="replace") for process in range(1, self.processes + 1)]
        tail = next((log for log in logs if log.strip()), "").strip().splitlines()
        return OnsaleError("generator-failed", f"the generator did not start: {tail[-1] if tail else 'no reason told'}")


def _popen(orders: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a process of its own group: Ctrl-C ends the rehearsal, which then ends it in order."""
    command = [sys.executable, "-m", "ops.rehearse.generator", str(orders)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)


def _pipe(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdin is not None  # noqa: S101 - `_popen` made it
    return process.stdin
