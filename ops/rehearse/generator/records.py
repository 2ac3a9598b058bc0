"""Reads what the generator's processes write while they write it, and merges their seconds."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ops.rehearse.generator.generated import End
from ops.rehearse.generator.second import Second


class Records:
    """The records of all processes, one file each. Reads each line once."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._offsets = [0] * len(paths)
        self._open: dict[int, list[Second]] = {}  # second → of those processes that have told
        self._latest = [-1] * len(paths)  # the last second that a process has told
        self.ready = 0  # how many are
        self.ends: list[End] = []
        self.seconds: list[Second] = []  # merged, those that are complete

    def read(self, is_running: Callable[[int], bool]) -> list[Second]:
        """Return the seconds that every process which still runs has told since the last call, merged."""
        alive = [is_running(index) for index in range(len(self._paths))]  # before reading: what ends then is read next
        for index in range(len(self._paths)):
            for document in self._new_documents(index):
                self._take(index, document)
        until = min((last for last, lives in zip(self._latest, alive, strict=True) if lives), default=None)
        complete = sorted(second for second in self._open if until is None or second <= until)
        merged = [Second.merged(self._open.pop(second)) for second in complete]
        self.seconds += merged
        return merged

    def _take(self, index: int, document: dict[str, Any]) -> None:
        if "ready" in document:
            self.ready += 1
        elif "end" in document:
            self.ends.append(End.read(document["end"]))
        else:
            second = Second.read(document)
            self._open.setdefault(second.second, []).append(second)
            self._latest[index] = second.second

    def _new_documents(self, index: int) -> Iterator[dict[str, Any]]:
        """Yield the lines that are whole; the rest of a line that is being written comes next time."""
        with self._paths[index].open("rb") as file:
            file.seek(self._offsets[index])
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offsets[index] += len(line)
                yield json.loads(line)
