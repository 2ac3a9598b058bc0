"""The emulators that the AWS contract tests run on: moto and LocalStack, each with its own way to say what it sent."""

import json
import os
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_string
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer
from moto.ses.models import ses_backends
from moto.sns.models import sns_backends

from ops.local import aws, localstack
from ops.local.aws_account import EmulatorSession
from ops.local.ports import HOST, free_ports
from ops.local.program import spawn, stop_child, wait_until_it_answers

REGION = "ap-northeast-2"


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail that an emulator has taken."""

    source: str
    message: EmailMessage


@dataclass(frozen=True, slots=True)
class Backend(ABC):
    """An emulator that runs."""

    url: str

    @property
    def settings(self) -> dict[str, str]:
        """Return the environment of whoever is to use it."""
        return {
            aws.ENDPOINT: self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": aws.DUMMY,
            "AWS_SECRET_ACCESS_KEY": aws.DUMMY,
        }

    def client(self, service: str) -> Any:
        """Return a client of a service, for what an operator does."""
        return EmulatorSession(self.settings).client(service)

    @abstractmethod
    def text(self, message_id: str) -> tuple[str, str]:
        """Return the number and the line of a text message."""

    @abstractmethod
    def mail(self, message_id: str) -> SentMail:
        """Return an e-mail."""


class Moto(Backend):
    """moto's server, in this process: what it was sent is in its models."""

    def text(self, message_id: str) -> tuple[str, str]:
        number, line = sns_backends[DEFAULT_ACCOUNT_ID][REGION].sms_messages[message_id]
        return str(number), str(line)

    def mail(self, message_id: str) -> SentMail:
        (found,) = [each for each in ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages if each.id == message_id]
        return SentMail(found.source, message_from_string(found.raw_data, policy=default))


class LocalStack(Backend):
    """LocalStack: it lists what it was sent below `/_aws`."""

    def text(self, message_id: str) -> tuple[str, str]:
        kept = self._listed(f"sns/sms-messages?region={REGION}")["sms_messages"]
        ((number, line),) = [
            (number, each["Message"])
            for number, sent in kept.items()
            for each in sent
            if each["MessageId"] == message_id
        ]
        return number, line

    def mail(self, message_id: str) -> SentMail:
        (found,) = self._listed(f"ses?id={message_id}")["messages"]
        return SentMail(found["Source"], message_from_string(found["RawData"], policy=default))

    def _listed(self, what: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/_aws/{what}", timeout=60) as answer:  # noqa: S310
            return json.load(answer)


def names() -> list[str]:
    """Return those that there are here. Where the set-up has left LocalStack out, the tests' summary says so."""
    return ["moto"] if missing() else ["moto", "localstack"]


def missing() -> str:
    """Say why the tests cannot run on LocalStack here; "" where they can, or where nothing has been set up yet."""
    if os.environ.get(localstack.GIVEN) or localstack.PYTHON.exists() or not localstack.LEFT_OUT.exists():
        return ""
    return localstack.LEFT_OUT.read_text().strip()


@contextmanager
def running(name: str, folder: Path) -> Iterator[Backend]:
    """Run an emulator, or use the LocalStack that LOCALSTACK_ENDPOINT names."""
    given = os.environ.get(localstack.GIVEN, "")
    if name == "localstack" and given:
        yield LocalStack(given.rstrip("/"))
        return
    (port,) = free_ports(1)
    if name == "moto":
        server = ThreadedMotoServer(HOST, port, verbose=False)
        server.start()
        try:
            yield Moto(aws.url(port))
        finally:
            server.stop()
        return
    assert localstack.PYTHON.exists(), (
        "LocalStack is not installed: `sh ops/setup.sh test` does it, as `make test` does"
    )
    child = spawn(localstack.program(folder, port), log=folder / "localstack.log", env=os.environ, tied=True)
    try:
        wait_until_it_answers(child)
        yield LocalStack(aws.url(port))
    finally:
        stop_child(child, kill=True)
