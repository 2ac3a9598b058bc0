"""The folder of one local stack (ONSALE_HOME): where its data, logs, process records and settings lie.

    data/  what the servers keep      logs/  one file per process      run/  records, sockets, configuration
    env    the settings of the stack, for clients: `. .local/env`, mode 0600 as it holds a password

Knows files only; which processes exist is `records`' matter, what to start is `topology`'s.
"""

import fcntl
import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

_MARKER = ".onsale-home"


@dataclass(frozen=True, slots=True)
class State:
    """What a stack must remember between two `up`s: its ports, its password, the URLs that are its own."""

    ports: dict[str, int] = field(default_factory=dict)
    password: str = ""
    own: dict[str, str] = field(default_factory=dict)  # setting → URL of a server that `up` started itself
    names: tuple[str, ...] = ()  # processes and given services, in order
    first_sale_in: str = ""  # the REDIS_URL where the default sale was created
    functions: str = "local"  # where functions run: one of `modes.MODES`
    containers: tuple[str, ...] = ()  # servers that have run in containers, and may have volumes
    observe: bool = False  # whether Prometheus runs


@dataclass(frozen=True, slots=True)
class Home:
    """The layout, and the few files that are read and written as a whole."""

    path: Path

    @classmethod
    def of(cls, setting: str) -> "Home":
        """Return the home that ONSALE_HOME names."""
        return cls(Path(setting).resolve())

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def env_file(self) -> Path:
        return self.path / "env"

    @property
    def exists(self) -> bool:
        """Say whether `up` has made this home."""
        return (self.path / _MARKER).exists()

    def create(self) -> None:
        """Make the folders, for their owner only."""
        self.path.mkdir(parents=True, exist_ok=True)
        for folder in (self.data, self.logs, self.run):
            folder.mkdir(mode=0o700, exist_ok=True)
        (self.path / _MARKER).touch()

    @contextmanager
    def locked(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold the home for one `up` or `down` at a time, at most until this process ends; `waiting` says so."""
        descriptor = os.open(self.run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def read_env(self) -> dict[str, str]:
        """Return the settings that the last `up` wrote; empty before the first."""
        try:
            lines = self.env_file.read_text().splitlines()
        except FileNotFoundError:
            return {}
        words = (shlex.split(line, comments=True) for line in lines)
        return dict(pair[1].split("=", 1) for pair in words if len(pair) == 2 and "=" in pair[1])

    def write_env(self, values: Mapping[str, str]) -> None:
        """Replace the settings file, in a form that a shell can read too."""
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(values.items())]
        self._replace(self.env_file, "".join(lines))

    def read_state(self) -> State:
        """Return what was remembered; an unreadable file (a crash of old) counts as nothing remembered."""
        try:
            raw = json.loads((self.run / "stack.json").read_text())
            return State(**{**raw, "names": tuple(raw["names"]), "containers": tuple(raw.get("containers", ()))})
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return State()

    def write_state(self, state: State) -> None:
        """Remember."""
        self._replace(self.run / "stack.json", json.dumps(asdict(state), indent=1))

    def _replace(self, path: Path, text: str) -> None:
        fresh = path.with_name(path.name + ".new")
        fresh.unlink(missing_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def saved_logs(self, purpose: str) -> Path | None:
        """Copy the logs to where they outlive the home, and return the place; None where there are none."""
        if not self.logs.exists():
            return None
        kept = Path(tempfile.mkdtemp(prefix=f"onsale-{purpose}-logs-"))
        shutil.copytree(self.logs, kept, dirs_exist_ok=True)
        return kept

    def wipe(self) -> list[Path]:
        """Remove what `up` made here, and the home itself if nothing else is in it. Returns what is gone."""
        gone = self.contents()
        for path in gone:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()
        return gone

    def contents(self) -> list[Path]:
        """Return what `wipe` would remove; nothing in a folder that no `up` has made."""
        if not self.exists:
            return []
        paths = (self.data, self.logs, self.run, self.env_file, self.path / _MARKER)
        return [path for path in paths if path.exists() or path.is_symlink()]
