"""The process `aws`: moto's server, and in it what a fresh account would be given once: `… aws_emulator PORT`."""

import logging
import sys
import threading

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from ops.local import aws
from ops.local.ports import HOST
from ops.local.readiness import announce

_TIMEOUT_S = 20.0  # the first call of each service loads moto's model of it


def main(port: int) -> None:
    """Serve until killed."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # no line per request
    server = ThreadedMotoServer(HOST, port)
    server.start()
    provision(aws.settings(port))
    announce()
    threading.Event().wait()


def provision(settings: dict[str, str]) -> None:
    """Make the topic and verify the sender, through the API as an operator would. Safe to repeat."""
    config = Config(connect_timeout=_TIMEOUT_S, read_timeout=_TIMEOUT_S, retries={"total_max_attempts": 3})
    account = {
        "endpoint_url": settings[aws.ENDPOINT],
        "region_name": settings["AWS_REGION"],
        "aws_access_key_id": settings["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": settings["AWS_SECRET_ACCESS_KEY"],
        "config": config,
    }
    made = boto3.client("sns", **account).create_topic(Name=aws.TOPIC)
    if made["TopicArn"] != settings["SNS_TOPIC_ARN"]:
        raise SystemExit(f"the emulator calls the topic {made['TopicArn']}")
    boto3.client("ses", **account).verify_email_identity(EmailAddress=settings["SES_FROM"])


if __name__ == "__main__":
    main(int(sys.argv[1]))
