"""Takes processes of the local stack away at the planned moments, and brings each back: really ended, really started.

A stopped server gets SIGTERM and ends as on a machine that is shut down, a killed worker gets SIGKILL; the stack starts
either again as `up` would, that one alone. Whatever becomes of the rehearsal, `end` leaves all of them running. Only a
kill -9 of the rehearsal itself leaves one away; the next `onsale up` brings it back.
"""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from chalicelib.errors import FieldError, InvalidRequest, OnsaleError
from ops.local.addresses import SERVERS, URL_OF
from ops.local.program import StartFailed
from ops.rehearse.fault_plan import Fault
from ops.rehearse.record import FaultRecord

_STARTS = 3  # one that failed on a busy machine may come the next time
_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Victim:
    """The process that a kind of fault ends, and how."""

    process: str
    kill: bool = False  # SIGKILL, else SIGTERM


VICTIMS: Mapping[str, Victim] = {
    "kafka-stop": Victim("kafka"),
    "mysql-stop": Victim("mysql"),
    "redis-restart": Victim("redis"),
    "relay-kill": Victim("relay", kill=True),
    "gateway-kill": Victim("gateway", kill=True),
}


class Processes(Protocol):
    """What of a stack is needed here."""

    def end(self, name: str, *, kill: bool = False) -> None:
        """End a process."""

    def start(self, name: str) -> None:
        """Return when a process answers. Raises StartFailed."""


class _Nobody:
    """Nothing to take away, so nothing of this is called."""

    def end(self, name: str, *, kill: bool = False) -> None:
        raise NotImplementedError(name, kill)

    def start(self, name: str) -> None:
        raise NotImplementedError(name)


def check(faults: Iterable[Fault], conditions: Mapping[str, str] | None) -> None:
    """Raise InvalidRequest for what cannot be taken away.

    `conditions` has those of the local stack's processes, by name; None: what is rehearsed on is deployed.
    """
    errors = []
    for fault in faults:
        name = VICTIMS[fault.kind].process
        condition = (conditions or {}).get(name, "absent")
        if conditions is None:
            errors.append(
                FieldError("--fault", f"{fault.kind}: only a local stack's {name} can be ended, not a stage's")
            )
        elif condition == "given" and name in SERVERS:
            errors.append(FieldError("--fault", f"{fault.kind}: {name} is the one that {URL_OF[name]} names, not ours"))
        elif condition == "container":
            errors.append(FieldError("--fault", f"{fault.kind}: {name} runs in a container, which stays up"))
        elif condition == "absent":
            errors.append(FieldError("--fault", f"{fault.kind}: this stack has no process {name}"))
    if errors:
        raise InvalidRequest(errors)


class Faults:
    """The faults of one rehearsal, each in a thread of its own."""

    def __init__(self, faults: Sequence[Fault], processes: Processes | None) -> None:
        """`processes` may be None where no fault is planned: what is deployed cannot be taken away."""
        self._faults = tuple(faults) if processes else ()
        self._processes: Processes = processes or _Nobody()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._records: dict[int, FaultRecord] = {}
        self._away: dict[str, int] = {}  # process → how many faults keep it away
        self._began_s = 0.0
        self._restores = True

    def begin(self, began_s: float) -> None:
        """Let them come, counted from a moment of the monotonic clock."""
        self._began_s = began_s
        for number, fault in enumerate(self._faults):
            thread = threading.Thread(target=self._happen, args=(number, fault), name=fault.kind, daemon=True)
            self._threads.append(thread)
            thread.start()

    @property
    def under_way(self) -> tuple[str, ...]:
        """Name the processes that were taken away and do not answer again yet."""
        with self._lock:
            return tuple(self._away)

    def end(self, *, restore: bool = True) -> tuple[FaultRecord, ...]:
        """Let no other come, bring back what is away at once, and say what happened, by the time of beginning.

        `restore` False: the whole stack is about to go, so nothing needs to come back.
        """
        self._restores = restore
        self._over.set()
        for thread in self._threads:
            thread.join()
        for number, fault in enumerate(self._faults):
            never = FaultRecord(
                fault.kind, VICTIMS[fault.kind].process, fault.at_s, None, "the rehearsal ended before it"
            )
            self._records.setdefault(number, never)
        return tuple(sorted(self._records.values(), key=lambda each: each.from_second))

    def _happen(self, number: int, fault: Fault) -> None:
        victim = VICTIMS[fault.kind]
        if self._over.wait(self._began_s + fault.at_s - time.monotonic()):
            return
        with self._lock:
            self._away[victim.process] = self._away.get(victim.process, 0) + 1
        record = FaultRecord(fault.kind, victim.process, self._now_s())
        self._records[number] = record
        try:
            self._processes.end(victim.process, kill=victim.kill)
            self._over.wait(self._began_s + record.from_second + fault.for_s - time.monotonic())
        except (OSError, OnsaleError, StartFailed) as error:
            record = replace(record, error=f"could not be ended: {error}")
        self._records[number] = self._brought_back(record)

    def _brought_back(self, record: FaultRecord) -> FaultRecord:
        with self._lock:
            is_last = self._away[record.process] == 1  # else another fault keeps it away longer, and brings it back
        if is_last and self._restores:
            record = self._started(record)
        elif is_last:
            record = replace(record, error="the rehearsal was interrupted")
        else:
            record = replace(record, to_second=self._now_s())
        with self._lock:
            self._away[record.process] -= 1
            if not self._away[record.process]:
                del self._away[record.process]
        return record

    def _started(self, record: FaultRecord) -> FaultRecord:
        failure = ""
        for attempt in range(_STARTS):
            if attempt:
                time.sleep(_PAUSE_S)
            try:
                self._processes.start(record.process)
                return replace(record, to_second=self._now_s())
            except (OSError, OnsaleError, StartFailed) as error:
                failure = f"did not come back: {error}"
        return replace(record, error=failure)

    def _now_s(self) -> float:
        return round(time.monotonic() - self._began_s, 3)
