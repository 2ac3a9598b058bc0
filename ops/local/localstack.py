"""LocalStack in host mode: no Docker, no token, an environment of its own (.tools/localstack, Python 3.13).

The AWS contract tests run on it besides moto. `onsale up` does not start it: it takes seven times moto's memory.
"""

from pathlib import Path

from ops.local import aws, health
from ops.local.ports import HOST
from ops.local.program import PROJECT, Program

GIVEN = "LOCALSTACK_ENDPOINT"  # the URL of one that runs already
PYTHON = PROJECT / ".tools" / "localstack" / "bin" / "python"
LEFT_OUT = PROJECT / ".tools" / "localstack.left-out"  # the set-up's reason for not installing it
SERVICES = ("events", "secretsmanager", "ses", "sns", "sqs", "ssm")


def program(folder: Path, port: int) -> Program:
    """Describe the server. All it keeps and writes is below `folder`."""
    return Program(
        name="localstack",
        command=(str(PYTHON), "-m", "localstack.runtime.main"),
        port=port,
        env=environment(folder, port),
        answers=lambda: health.port_open(port) and health.aws_answers(aws.url(port)),
        start_within_s=120.0,
        stop_within_s=10.0,
    )


def environment(folder: Path, port: int) -> dict[str, str]:
    """Return its switches, as its documentation's page on configuration has them."""
    return {
        "GATEWAY_LISTEN": f"{HOST}:{port}",
        # Its usual server takes the port of that alone and listens on every interface.
        "GATEWAY_SERVER": "hypercorn",
        # In a container it would take the machine's own folders for its own.
        "OVERRIDE_IN_DOCKER": "0",
        "FILESYSTEM_ROOT": str(folder / "root"),
        "CONFIG_DIR": str(folder / "config"),
        "SERVICES": ",".join(SERVICES),
        "STRICT_SERVICE_LOADING": "1",
        # Nothing is asked of the internet, nothing told to it; no name server is run.
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "SKIP_INFRA_DOWNLOADS": "1",
        "DISABLE_EVENTS": "1",
        "DNS_ADDRESS": "0",
        "PYTHONUNBUFFERED": "1",
    }
