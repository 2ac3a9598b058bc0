"""The calls to SNS and SES as `notify` makes them, on each emulator: what arrives, and what its refusals mean."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.config import Settings
from functions.messages import Mail
from functions.notify_providers import NeverSendable, ProviderAway, Providers
from tests.conftest import Eventually
from tests.contract.aws_backends import REGION, Backend
from tests.functions.provider_gate import BROKEN, CUT, Refusal, only, open_gate

ABOUT = {"sale": "spring", "type": "CONFIRMED"}
SENDER = "tickets@shop.example"
SENDING: dict[str, Callable[[Providers], str]] = {
    "topic": lambda by: by.publish("{}", ABOUT, "ann", "spring/1-2"),
    "sms": lambda by: by.text("+821012345678", "line"),
    "email": lambda by: by.mail("ann@buyers.example", Mail("s", "b"), ABOUT, "spring/1-2"),
}
# As the API references of Publish and SendRawEmail spell them.
BUSY = {"topic": Refusal(429, "Throttled"), "sms": Refusal(429, "Throttled"), "email": Refusal(400, "Throttling")}
Received = Callable[[int], list[dict[str, Any]]]
_numbers = itertools.count(1)


@pytest.fixture
def account(backend: Backend) -> Settings:
    """An account with a topic and a verified sender; the settings that name them."""
    arn = backend.client("sns").create_topic(Name=f"events-{next(_numbers)}")["TopicArn"]
    backend.client("ses").verify_email_identity(EmailAddress=SENDER)
    return Settings(aws_endpoint_url=backend.url, aws_region=REGION, sns_topic_arn=arn, ses_from=f"갈라 <{SENDER}>")


def subscribed(backend: Backend, arn: str, eventually: Eventually) -> Received:
    """Subscribe a queue of its own to a topic; returns what waits for so many messages and returns them."""
    sqs, fifo = backend.client("sqs"), arn.endswith(".fifo")
    attributes = {"FifoQueue": "true"} if fifo else {}
    url = sqs.create_queue(QueueName=f"queue-{next(_numbers)}{'.fifo' * fifo}", Attributes=attributes)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    backend.client("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)
    found: list[dict[str, Any]] = []

    def received(count: int) -> list[dict[str, Any]]:
        def enough() -> bool:
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return len(found) >= count

        eventually(enough)
        return found

    return received


def test_the_topic_gets_the_message_with_sale_and_type_as_attributes(
    backend: Backend, account: Settings, eventually: Eventually
) -> None:
    received = subscribed(backend, account.sns_topic_arn, eventually)
    message_id = Providers(account).publish('{"saleId":"spring"}', ABOUT, "ann", "spring/1-2")
    (message,) = received(1)
    assert message["MessageId"] == message_id
    assert message["TopicArn"] == account.sns_topic_arn
    assert message["Message"] == '{"saleId":"spring"}'
    assert message["MessageAttributes"] == {
        "sale": {"Type": "String", "Value": "spring"},
        "type": {"Type": "String", "Value": "CONFIRMED"},
    }


def test_a_fifo_topic_takes_a_message_of_one_name_once(
    backend: Backend, account: Settings, eventually: Eventually
) -> None:
    name = f"events-{next(_numbers)}.fifo"
    arn = backend.client("sns").create_topic(Name=name, Attributes={"FifoTopic": "true"})["TopicArn"]
    received = subscribed(backend, arn, eventually)
    providers = Providers(replace(account, sns_topic_arn=arn))
    for each in ("spring/1-2", "spring/1-2", "spring/1-3"):
        providers.publish(each, ABOUT, "ann", each)
    assert [message["Message"] for message in received(2)] == ["spring/1-2", "spring/1-3"]


def test_a_text_message_goes_to_the_number(backend: Backend, account: Settings) -> None:
    message_id = Providers(account).text("+821012345678", "좌석 A-1")
    assert backend.text(message_id) == ("+821012345678", "좌석 A-1")


def test_an_email_goes_to_one_address_from_the_sender_as_plain_text(backend: Backend, account: Settings) -> None:
    message_id = Providers(account).mail("ann@buyers.example", Mail("제목", "본문\n"), ABOUT, "spring/1-2")
    sent = backend.mail(message_id)
    mail = sent.message
    assert sent.source == SENDER
    assert (mail["From"], mail["To"], mail["Subject"]) == (account.ses_from, "ann@buyers.example", "제목")
    assert mail["X-Onsale-Message"] == "spring/1-2"
    assert (mail.get_content_type(), mail.get_content().splitlines()) == ("text/plain", ["본문"])


def test_messages_carry_what_an_account_counts_and_prices_them_by(backend: Backend, account: Settings) -> None:
    with open_gate(backend.url) as gate:
        providers = Providers(replace(account, aws_endpoint_url=gate.url))
        for send in SENDING.values():
            send(providers)
    _, text, mail = [call.sent for call in gate.taken]
    assert text["MessageAttributes.entry.1.Name"] == "AWS.SNS.SMS.SMSType"
    assert text["MessageAttributes.entry.1.Value.StringValue"] == "Transactional"
    assert {mail[f"Tags.member.{n}.Name"]: mail[f"Tags.member.{n}.Value"] for n in (1, 2)} == ABOUT
    assert (mail["Source"], mail["Destinations.member.1"]) == (SENDER, "ann@buyers.example")


@pytest.mark.parametrize("elsewhere", ["another name", "another region"])
def test_a_topic_that_is_not_there_is_nobodys_dead_letter(account: Settings, elsewhere: str) -> None:
    arn = account.sns_topic_arn
    wrong = f"{arn}-gone" if elsewhere == "another name" else arn.replace(REGION, "eu-west-1")
    with pytest.raises(ProviderAway):
        SENDING["topic"](Providers(replace(account, sns_topic_arn=wrong)))


def test_a_sender_that_is_not_verified_is_nobodys_dead_letter(account: Settings) -> None:
    with pytest.raises(ProviderAway, match="MessageRejected"):
        SENDING["email"](Providers(replace(account, ses_from="Shop <stranger@y.example>")))


def test_what_is_no_number_is_never_sendable_and_not_quoted(account: Settings) -> None:
    with pytest.raises(NeverSendable) as refused:
        Providers(account).text("call-me-at-home", "line")
    assert "home" not in str(refused.value)


def test_what_cannot_be_spelled_is_never_sendable(account: Settings) -> None:
    with pytest.raises(NeverSendable):
        Providers(account).text("+821012345678", "\ud800")


@pytest.mark.parametrize("channel", SENDING)
def test_what_was_throttled_is_sent_again_at_once(backend: Backend, account: Settings, channel: str) -> None:
    with open_gate(backend.url) as gate:
        gate.rule = only(channel, BUSY[channel], times=2)
        assert SENDING[channel](Providers(replace(account, aws_endpoint_url=gate.url)))
        assert (len(gate.calls), len(gate.taken)) == (3, 1)


@pytest.mark.parametrize("channel", SENDING)
@pytest.mark.parametrize("kind", ["busy", "broken", "cut"])
def test_a_provider_that_fails_is_away_and_asked_no_oftener_than_allowed(
    backend: Backend, account: Settings, channel: str, kind: str
) -> None:
    refusal = {"busy": BUSY[channel], "broken": BROKEN, "cut": CUT}[kind]
    with open_gate(backend.url) as gate:
        gate.rule = only(channel, refusal)
        with pytest.raises(ProviderAway):
            SENDING[channel](Providers(replace(account, aws_endpoint_url=gate.url)))
        assert (len(gate.calls), gate.taken) == (3 if kind == "busy" else 1, [])
