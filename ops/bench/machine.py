"""The machine that measures: what it is, what runs on it, and how busy it was. Nothing by which to find it."""

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from ops import hardware

BUSY_PER_CORE = 0.5  # of the load average: more than that before a run, and its figures are somebody else's too
_LIBRARIES = ("redis", "chalice", "granian", "uvloop", "confluent-kafka", "pymysql", "pyjwt", "locust")
_SERVERS = {
    "redis-server": (("redis-server", "valkey-server"), r"v=([\d.]+)"),
    "mysql": (("mariadbd", "mysqld"), r"Ver ([\w.]+)"),
    "java": (("java",), r"version \"([\w.]+)"),
    "wrk": (("wrk",), r"wrk (?:debian/)?([\w.]+)"),
}
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"  # where Debian keeps servers


@dataclass(frozen=True, slots=True)
class Machine:
    """What a run ran on. `load_before` is the load average of one minute before it; None where nobody counts it."""

    model: str
    cores: int
    memory_bytes: int
    os: str
    load_before: float | None = None

    @property
    def is_busy(self) -> bool:
        """Whether so much else ran before that the figures are not this project's alone."""
        return self.load_before is not None and self.load_before > BUSY_PER_CORE * self.cores

    @property
    def slug(self) -> str:
        """A short name for a file: the processor's first two words and the cores."""
        words = re.findall(r"[a-z0-9]+", re.sub(r"\((?:r|tm)\)|\bcpu\b|@.*", "", self.model.lower()))
        return "-".join([*words[:2], f"{self.cores}c"])

    def told(self) -> str:
        """Say it in a few words."""
        return f"{self.model}, {self.cores} cores, {self.memory_bytes / 2**30:.0f} GiB"

    def same_kind_as(self, other: "Machine") -> bool:
        """Whether figures, and not only ratios, can be compared."""
        return (self.model, self.cores) == (other.model, other.cores)


def this_machine() -> Machine:
    """Look at this machine."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return Machine(
        model=hardware.model(),
        cores=os.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        os=hardware.system(),
        load_before=None if load is None else round(load, 2),
    )


def versions() -> dict[str, str]:
    """Return the versions of what is measured and measured with; what is not there is left out."""
    found = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    found |= {name: each for name, (programs, form) in _SERVERS.items() if (each := _program(programs, form))}
    jar = hardware.kafka_version()
    return found | ({"kafka": jar} if jar else {})


def revision(project: Path) -> str:
    """Return the commit of the files, with a `+` where they differ from it; "" where git does not say."""
    known = _output("git", "-C", str(project), "rev-parse", "--short=12", "HEAD").strip()
    changed = _output("git", "-C", str(project), "status", "--porcelain", "--untracked-files=no").strip()
    return known + ("+" if known and changed else "")


def _program(names: tuple[str, ...], form: str) -> str:
    for name in names:
        path = shutil.which(name, path=_PATH)
        if path:
            asked = "-version" if name == "java" else "--version"
            found = re.search(form, _output(path, asked))
            return found[1] if found else ""
    return ""


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr if done.returncode == 0 or "wrk" in command[0] else ""
