"""How a client proves to Kafka's brokers who it is: by a token that the role signs, or by a password from a secret.

librdkafka keeps both by itself and asks through callbacks: for a token when the last one nears its end, and it tells
of refusals. Callbacks run when a client is polled, and those for tokens in a thread of librdkafka's besides.
"""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib import secrets
from chalicelib.errors import SecretUnavailable
from chalicelib.secrets import RENEW_S

if TYPE_CHECKING:  # settings are made by whoever never connects, too
    from confluent_kafka import KafkaError


class SaslClient(Protocol):
    """What is needed of a client: all of confluent_kafka's have it."""

    def set_sasl_credentials(self, username: str, password: str) -> None:
        """Log in so from the next connection on."""


def iam_token(region: str, _config: str) -> tuple[str, float]:
    """Return a token for MSK and when it ends (Unix time, s): a signed request, made without asking anybody."""
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # with boto3: slow to load, and for MSK alone

    token, ends_at_ms = MSKAuthTokenProvider.generate_auth_token(region)
    return token, ends_at_ms / 1000


class ScramLogin:
    """User and password of one client, which is given others as soon as the brokers refuse these."""

    def __init__(self, arn: str) -> None:
        """Read the secret. Raises SecretUnavailable, also where it names no user."""
        self._arn = arn
        self._given = secrets.secret(arn, RENEW_S)
        if not self._given.username:
            raise SecretUnavailable(arn, "it is not JSON with `username` and `password`")
        self.client: SaslClient | None = None

    @property
    def username(self) -> str:
        """The user, as the secret says."""
        return self._given.username

    @property
    def password(self) -> str:
        """The password."""
        return self._given.password

    def refused(self, error: "KafkaError") -> None:
        """Give the client what the secret holds by now, where the brokers refuse what it has. An `error_cb`."""
        if error.code() != error._AUTHENTICATION:
            return
        another = secrets.renewed(self._arn, self._given)
        if another is not None and another.username:
            self._given = another
            if self.client is not None:
                # In a thread: within a callback of the same client it would end the process (confluent-kafka 2.16).
                given = (another.username, another.password)
                threading.Thread(target=self.client.set_sasl_credentials, args=given, name="kafka-login").start()


def tie(client: SaslClient, config: Mapping[str, Any]) -> None:
    """Let a client that lives long take part in its login; others read the secret when they are made."""
    login = getattr(config.get("error_cb"), "__self__", None)
    if isinstance(login, ScramLogin):
        login.client = client
