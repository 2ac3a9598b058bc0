"""Runs of the benchmark: what one found, written to a file of its own, and read again to compare the next with."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.bench.figures import Figure
from ops.bench.machine import Machine
from ops.documents import Unreadable, from_document, to_document
from ops.files import replace

SCHEMA = 1
PROJECT = Path(__file__).resolve().parents[2]
RESULTS = PROJECT / "bench" / "results"
_DIGITS = 6  # that count; a figure has three that mean something


@dataclass(frozen=True, slots=True)
class Run:
    """One run of all parts. `when` is when it began, ISO-8601 UTC; a `revision` with `+` had changes of its own."""

    when: str
    took_seconds: float
    machine: Machine
    figures: tuple[Figure, ...]
    revision: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def name(self) -> str:
        """What its file is called."""
        moment = datetime.fromisoformat(self.when).strftime("%Y-%m-%d-%H%M%S")
        return f"{moment}-{self.machine.slug}"

    def figure(self, name: str) -> Figure | None:
        """Return the figure of that name."""
        return next((each for each in self.figures if each.name == name), None)

    def document(self) -> dict[str, Any]:
        """Return everything as JSON values, with what can be worked out beside it for whoever reads the file."""
        document: dict[str, Any] = {"schema": SCHEMA, "name": self.name, **to_document(self)}
        document["machine"]["busy"] = self.machine.is_busy
        for figure, written in zip(self.figures, document["figures"], strict=True):
            written |= {"value": _rounded(figure.value), "limit": _rounded(figure.limit)}
            written |= {"ratio": _rounded(figure.ratio), "met": figure.met}
        return document

    def told(self) -> str:
        """Say which run it is."""
        busy = ", which was busy" if self.machine.is_busy else ""
        return f"{self.name} ({self.machine.told()}{busy})"


def now() -> str:
    """Return this moment as a run has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write(run: Run, folder: Path = RESULTS) -> Path:
    """Write a run's file, whole or not at all, and return where. Raises ValueError for two figures of one name."""
    names = [figure.name for figure in run.figures]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"figures of the same name: {', '.join(sorted(twice))}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run.name}.json"
    text = json.dumps(run.document(), indent=1, ensure_ascii=False) + "\n"
    replace(path, text)
    return path


def read(path: Path) -> Run:
    """Read a run's file. Raises Unreadable, saying in one line what is wrong with it."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unreadable(f"{path.name} cannot be read: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        schema = document.get("schema") if isinstance(document, dict) else None
        raise Unreadable(f"{path.name} is of schema {schema!r}; this version reads {SCHEMA}")
    try:
        run = from_document(Run, document)
        datetime.fromisoformat(run.when)
    except ValueError as error:
        raise Unreadable(f"{path.name}: {error}") from error
    return run


def recorded(folder: Path = RESULTS) -> tuple[list[Run], list[str]]:
    """Return the runs of a folder, oldest first, and a line about each file that is none."""
    runs, complaints = [], []
    for path in _files(folder):
        try:
            runs.append(read(path))
        except Unreadable as error:
            complaints.append(f"{error}: left out")
    return sorted(runs, key=lambda run: datetime.fromisoformat(run.when).timestamp()), complaints


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))
    except OSError:
        return


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")
