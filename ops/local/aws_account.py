"""The account of an emulator: who we are there, and what a fresh account would be given once, by an operator.

Knows no emulator by name. Importing it loads boto3.
"""

from collections.abc import Mapping
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from localstack_client import config as localstack_config
from localstack_client.session import Session

from ops.local import aws

_TIMEOUT_S = 20.0  # the first call of each service loads an emulator's model of it


def client(service: str, settings: Mapping[str, str]) -> Any:
    """Return a client of a service. `settings` has what `aws.settings` says, whatever the shell says."""
    config = Config(connect_timeout=_TIMEOUT_S, read_timeout=_TIMEOUT_S, retries={"total_max_attempts": 3})
    return EmulatorSession(settings).client(service, config=config)


class EmulatorSession(Session):  # type: ignore[misc] # it comes without types
    """A session of localstack-client with the emulator that `settings` name, over HTTP."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(
            aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
            region_name=settings["AWS_REGION"],
            localstack_host=urlsplit(settings[aws.ENDPOINT]).netloc,
        )
        # AWS_ENDPOINT_URL in the environment would outrank the host that it is given.
        services = localstack_config.get_service_endpoints()
        self._service_endpoint_mapping: dict[str, str] = dict.fromkeys(services, settings[aws.ENDPOINT])


def provision(settings: Mapping[str, str]) -> None:
    """Make the topic and verify the sender, through the API as an operator would. Safe to repeat."""
    made = client("sns", settings).create_topic(Name=aws.TOPIC)
    if made["TopicArn"] != settings["SNS_TOPIC_ARN"]:
        raise SystemExit(f"the emulator calls the topic {made['TopicArn']}")
    client("ses", settings).verify_email_identity(EmailAddress=parseaddr(settings["SES_FROM"])[1])
