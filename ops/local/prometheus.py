"""A Prometheus of our own, for `onsale up --observe`: loopback only, data in the home, the rules of infra/prometheus.

It reads the exporter (`metrics`) and nothing else. That one is not needed to start it: what is away is what its alerts
are for.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from ops.local import health
from ops.local.ports import HOST
from ops.local.program import PROJECT, Program, StartFailed

NAME = PROGRAM = "prometheus"
INSTALL = "sh ops/setup.sh observe"
CONFIGURATION = PROJECT / "infra" / "prometheus"
KEPT_FOR, KEPT_BYTES = "7d", "512MB"  # whichever is reached first
FILES = ("prometheus.yml", "alerts.yml")
TARGET = "targets/onsale.json"


def url(port: int) -> str:
    """Return where its page and its API are."""
    return f"http://{HOST}:{port}"


def answers(port: int) -> bool:
    """Say whether it has read its data and takes queries."""
    return health.port_open(port) and health.http_answers(url(port), "/-/ready")


def program(data: Path, run: Path, port: int, metrics_port: int) -> Program:
    """Describe the server. Raises StartFailed where it is not installed."""
    executable = shutil.which(PROGRAM)
    if executable is None:
        told = f"is missing: as root, `{INSTALL}` installs it; `onsale up --no-observe` does without"
        raise StartFailed(NAME, told)
    folder = run / NAME
    files = _files(metrics_port)
    command = (
        executable,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        f"--storage.tsdb.retention.time={KEPT_FOR}",
        f"--storage.tsdb.retention.size={KEPT_BYTES}",
        f"--web.listen-address={HOST}:{port}",
        "--log.level=warn",
    )
    # What it read when it started is not in its command: by this an `up` sees that it has to start it anew.
    digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
    return Program(
        name=NAME,
        command=command,
        port=port,
        env={"ONSALE_PROMETHEUS_CONFIGURATION": digest},
        prepare=lambda _: _write(folder, files),
        answers=lambda: answers(port),
        start_within_s=60.0,  # it reads what it has not yet put into blocks
    )


def _files(metrics_port: int) -> dict[str, str]:
    """Return its configuration, by the path below its folder; docker-compose.yml lays the same before its own."""
    found = {name: (CONFIGURATION / name).read_text() for name in FILES}
    return found | {TARGET: json.dumps([{"targets": [f"{HOST}:{metrics_port}"]}])}


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(text)
