"""MiniStack, the emulator that runs packaged functions: the process `aws` of `onsale up --functions emulator`.

It is everything a deployment of ours asks of AWS but Kafka, which it does not poll. All it has is in memory: what a
restart loses is deployed anew by the next `up`.

`python -m ops.local.ministack PORT FOLDER` becomes the emulator. It gives the functions its own environment besides
theirs, so it starts without the settings of the stack: a function has those that its template gives it, or none.
"""

import os
import shutil
import sys
from pathlib import Path

from ops.local import aws, health
from ops.local.ports import HOST
from ops.local.program import MARK, PROJECT, Program, StartFailed

PYTHON = PROJECT / ".tools" / "ministack" / "bin" / "python"
API_ID = "0a5a1e00"  # 8 hexadecimal digits, as an id of API Gateway's; the stack asks for it by this tag
API_ID_TAG = "ms-custom-id"
STAGE = "live"
STACK = "onsale"

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", MARK)


def api_url(port: int) -> str:
    """Return where buyers find the API: the form of its address that needs no Host header and no name server."""
    return f"{aws.url(port)}/restapis/{API_ID}/{STAGE}/_user_request_"


def program(data: Path, port: int) -> Program:
    """Describe the emulator; its own files lie in `data`. Raises StartFailed where it cannot be run."""
    if sys.platform != "linux":
        raise StartFailed("aws", "cannot run packaged functions here: what is packaged for Lambda runs on Linux")
    if not PYTHON.exists():
        raise StartFailed("aws", "is missing: MiniStack is not there (`ops/setup.sh test` installs it)")
    return Program(
        name="aws",
        command=(sys.executable, "-m", "ops.local.ministack", str(port), str(data)),
        port=port,
        prepare=lambda _: _empty(data),
        answers=lambda: health.port_open(port) and health.aws_answers(aws.url(port)),
        start_within_s=60.0,
    )


def _empty(data: Path) -> None:
    """Remove the unpacked functions of an earlier run."""
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)


def environment(port: int, data: Path) -> dict[str, str]:
    """Return the whole environment of the emulator. By itself it would listen on all interfaces, and for MQTT too."""
    return {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_ACCOUNT_ID": aws.ACCOUNT,
        "MINISTACK_REGION": aws.REGION,
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(data),
        "STATE_DIR": str(data),
        "S3_DATA_DIR": str(data),
    }


if __name__ == "__main__":
    os.execve(  # noqa: S606 - no shell, on purpose
        PYTHON, [str(PYTHON), "-m", "ministack"], environment(int(sys.argv[1]), Path(sys.argv[2]))
    )
