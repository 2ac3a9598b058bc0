"""The AWS emulator of our own: moto's server on loopback, with the topic and the sender that `notify` needs.

It is for SNS and SES alone: it keeps all in memory, runs no function and polls no Kafka.
"""

import sys
from pathlib import Path

from ops.local import health
from ops.local.ports import HOST
from ops.local.program import Program

REGION = "us-east-1"
ACCOUNT = "123456789012"
TOPIC = "reservation-events"
ENDPOINT = "AWS_ENDPOINT_URL"
DUMMY = "onsale-local"  # access key and secret
NAMES = (ENDPOINT, "AWS_REGION", "SNS_TOPIC_ARN", "SES_FROM")  # the settings among those below


def settings(port: int) -> dict[str, str]:
    """Return what makes every process talk to the emulator and to nothing else: dummy credentials, too."""
    return {
        ENDPOINT: url(port),
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": DUMMY,
        "AWS_SECRET_ACCESS_KEY": DUMMY,
        "SNS_TOPIC_ARN": f"arn:aws:sns:{REGION}:{ACCOUNT}:{TOPIC}",
        "SES_FROM": "onsale <tickets@onsale.example>",
    }


def url(port: int) -> str:
    """Return where its clients find it."""
    return f"http://{HOST}:{port}"


def program(run: Path, port: int) -> Program:
    """Describe the server. It makes topic and sender anew whenever it starts, then says that it is ready."""
    ready = run / "aws.ready"
    return Program(
        name="aws",
        command=(sys.executable, "-m", "ops.local.aws_emulator", str(port)),
        port=port,
        env={"ONSALE_READY_FILE": str(ready), "PYTHONUNBUFFERED": "1"},
        prepare=lambda _: ready.unlink(missing_ok=True),
        answers=lambda: ready.exists() and health.aws_answers(url(port)),
        start_within_s=60.0,
    )
