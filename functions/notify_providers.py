"""Sends one message over one channel: SNS for the topic and for SMS, SES for e-mail. Knows no sale and no text.

What a provider's error means is decided here, as `functions/mysql_errors.py` does for MySQL:

    OnsaleError
    ├── NeverSendable   the provider will say the same of this message however often it is sent
    └── ProviderAway    it could not take it now: outage, throttling, a setting that is wrong

Only what is on the lists below is the message's fault; everything else is an outage. No text of a provider leaves this
module as it is, because it may quote the address.
"""

import re
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from chalicelib.config import Settings, settings
from chalicelib.errors import OnsaleError
from functions.messages import Mail
from functions.mime import composed

SENDERS = 8  # messages on their way at the same time, and connections kept for them
CONNECT_TIMEOUT_S = 2.0
READ_TIMEOUT_S = 5.0
PAUSES_S = (0.1, 0.4)  # between the tries of a message that was throttled

# SNS Publish and SES SendRawEmail, API references: errors that are about this recipient or this content.
_MESSAGE_AT_FAULT = frozenset(
    {
        "InvalidParameter",  # SNS: not a phone number it can send to
        "InvalidParameterException",
        "InvalidParameterValue",  # SES: an address that it cannot use
        "InvalidParameterValueException",
        "MessageRejected",  # SES: the content, or a recipient that is not allowed
        "OptedOut",  # SNS: this number wants no messages
        "OptedOutException",
        "ParameterValueInvalid",
        "UserErrorException",
        "ValidationException",
    }
)
# Refused before anything was done, so that trying again cannot send twice.
_NOT_NOW = frozenset(
    {
        "KMSThrottling",
        "KMSThrottlingException",
        "LimitExceededException",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_ADDRESS = re.compile(r"[^\s<>\"',;:()\[\]]+(?:@|%40)[^\s<>\"',;:()\[\]]+")
_NUMBER = re.compile(r"(?:\+|%2B)?\d[\d ().-]{5,}\d")


class NeverSendable(OnsaleError):
    """The provider refuses this message for good. `detail` quotes no address."""

    def __init__(self, detail: str) -> None:
        super().__init__("never-sendable", detail)


class ProviderAway(OnsaleError):
    """The provider cannot take a message now, or nobody knows whether it has."""

    def __init__(self, detail: str) -> None:
        super().__init__("provider-away", detail)


def without_contact(text: str) -> str:
    """Return a text in which whatever looks like an address or a phone number is left out."""
    return _NUMBER.sub("<number>", _ADDRESS.sub("<address>", text))


class Providers:
    """SNS and SES by their clients. Each method returns the provider's message id."""

    def __init__(self, of: Settings, sns: Any = None, ses: Any = None) -> None:
        self._topic_arn = of.sns_topic_arn
        self._sender = of.ses_from
        self._sns: Any = sns or (_client("sns", of) if of.sns_topic_arn else None)
        # SES' first API: the only one that every emulator has, and as raw mail it takes headers and tags, too.
        self._ses: Any = ses or (_client("ses", of) if of.ses_from else None)

    def publish(self, message: str, attributes: Mapping[str, str], group: str, name: str) -> str:
        """Publish to the topic. A FIFO topic keeps the order of a `group` and takes each `name` once in 5 minutes."""
        fifo = {"MessageGroupId": group, "MessageDeduplicationId": name} if self._topic_arn.endswith(".fifo") else {}
        return self._sent(
            lambda: self._sns.publish(
                TopicArn=self._topic_arn, Message=message, MessageAttributes=_attributes(attributes), **fifo
            )
        )

    def text(self, phone: str, line: str) -> str:
        """Send an SMS, as a transactional message: it is not held back for cheaper hours."""
        kind = _attributes({"AWS.SNS.SMS.SMSType": "Transactional"})
        return self._sent(lambda: self._sns.publish(PhoneNumber=phone, Message=line, MessageAttributes=kind), phone)

    def mail(self, address: str, content: Mail, tags: Mapping[str, str], name: str) -> str:
        """Send an e-mail. `name` stands in a header, so that a mail that came twice can be told."""
        try:
            data = composed(self._sender, address, content, {"X-Onsale-Message": name})
        except ValueError as error:  # its text may quote the address
            raise NeverSendable(f"no mail can be made of it: {type(error).__name__}") from None
        return self._sent(
            lambda: self._ses.send_raw_email(
                Source=_bare(self._sender),  # without the name, which would have to be ASCII here
                Destinations=[address],
                RawMessage={"Data": data},
                Tags=[{"Name": key, "Value": value} for key, value in tags.items()],
            ),
            address,
        )

    def _sent(self, send: Callable[[], Mapping[str, Any]], to: str = "") -> str:
        """Call a provider; what was throttled is tried again at once, twice. Raises NeverSendable, ProviderAway."""
        for pause_s in (*PAUSES_S, None):
            try:
                return str(send()["MessageId"])
            except ClientError as error:
                code = str(error.response.get("Error", {}).get("Code", ""))
                if code in _NOT_NOW and pause_s is not None:
                    time.sleep(pause_s)
                    continue
                raise self._meaning(code, error, to) from None  # the chain would carry the provider's words into a log
            except (ParamValidationError, UnicodeError) as error:
                raise NeverSendable(without_contact(f"{type(error).__name__}: {error}")) from None
            except (BotoCoreError, OSError) as error:
                raise ProviderAway(type(error).__name__) from None
        raise AssertionError("the last try returns or raises")

    def _meaning(self, code: str, error: ClientError, to: str) -> NeverSendable | ProviderAway:
        text = str(error.response.get("Error", {}).get("Message", ""))
        # SES says MessageRejected of a sender that is not verified, too: a setting is wrong, not this message.
        ours = "TopicArn" in text or (bool(self._sender) and _bare(self._sender) in text)
        if code in _MESSAGE_AT_FAULT and not ours:
            quoted = text.replace(to, "<recipient>") if to else text
            return NeverSendable(without_contact(f"{code}: {quoted}"))
        return ProviderAway(without_contact(f"{code}: {text}") if ours else code or type(error).__name__)


def _bare(sender: str) -> str:
    """Return the address in `Name <address>`."""
    return sender.rpartition("<")[2].rstrip("> ")


def _attributes(texts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}


def _client(service: str, of: Settings) -> Any:
    # One try: botocore would also repeat what has timed out, and a message that was taken would go out twice.
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=SENDERS,
        tcp_keepalive=True,
    )
    region = of.region
    return boto3.client(service, region_name=region, endpoint_url=of.aws_endpoint_url or None, config=config)


@cache
def providers() -> Providers:
    """Return this process' providers: making a client takes a tenth of a second, so it is done once."""
    return Providers(settings())
