"""The calls to SNS and SES as `notify` makes them, taken by moto: fields, attributes, a FIFO topic, time-outs."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends
from moto.sns.models import sns_backends

from chalicelib.config import Settings
from functions.messages import Mail
from functions.notify_providers import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    SENDERS,
    NeverSendable,
    ProviderAway,
    Providers,
    without_contact,
)

REGION = "ap-northeast-2"
ABOUT = {"sale": "spring", "type": "CONFIRMED"}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """An account with a topic and a verified sender; the settings that name them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with mock_aws():
        arn = boto3.client("sns", REGION).create_topic(Name="events")["TopicArn"]
        boto3.client("ses", REGION).verify_email_identity(EmailAddress="tickets@shop.example")
        yield Settings(aws_region=REGION, sns_topic_arn=arn, ses_from="Shop <tickets@shop.example>")


def subscribed(arn: str, name: str) -> Any:
    """Subscribe a queue; returns what reads its messages."""
    sqs = boto3.client("sqs", REGION)
    fifo = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
    url = sqs.create_queue(QueueName=name, Attributes=fifo)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    boto3.client("sns", REGION).subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)
    return lambda: [
        json.loads(m["Body"]) for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    ]


def test_the_topic_gets_the_message_with_sale_and_type_as_attributes(account: Settings) -> None:
    received = subscribed(account.sns_topic_arn, "subscriber")
    message_id = Providers(account).publish('{"saleId":"spring"}', ABOUT, "g", "spring/1-2")
    (message,) = received()
    assert message["MessageId"] == message_id
    assert message["Message"] == '{"saleId":"spring"}'
    assert message["MessageAttributes"] == {
        "sale": {"Type": "String", "Value": "spring"},
        "type": {"Type": "String", "Value": "CONFIRMED"},
    }


def test_a_fifo_topic_takes_a_message_of_one_name_once(account: Settings) -> None:
    attributes = {"FifoTopic": "true"}
    arn = boto3.client("sns", REGION).create_topic(Name="events.fifo", Attributes=attributes)["TopicArn"]
    received = subscribed(arn, "subscriber.fifo")
    providers = Providers(replace(account, sns_topic_arn=arn))
    for name in ("spring/1-2", "spring/1-2", "spring/1-3"):
        providers.publish(name, ABOUT, "buyer", name)
    assert [message["Message"] for message in received()] == ["spring/1-2", "spring/1-3"]


def test_a_text_message_goes_to_the_number_as_a_transactional_one(account: Settings) -> None:
    message_id = Providers(account).text("+821012345678", "좌석 A-1")
    assert sns_backends[DEFAULT_ACCOUNT_ID][REGION].sms_messages[message_id] == ("+821012345678", "좌석 A-1")


def test_an_email_goes_to_one_address_from_the_sender_as_plain_text(account: Settings) -> None:
    message_id = Providers(account).mail("ann@buyers.example", Mail("제목", "본문\n"), ABOUT, "spring/1-2")
    (message,) = ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages
    assert (message.id, message.source) == (message_id, account.ses_from)
    assert message.destinations["ToAddresses"] == ["ann@buyers.example"]
    assert (message.subject, message.body) == ("제목", "본문\n")


def test_the_parameters_of_each_call_are_those_of_the_service_models(account: Settings) -> None:
    sent: list[tuple[str, dict[str, Any]]] = []
    providers = Providers(account)
    for client in (providers._sns, providers._ses):
        client.meta.events.register(
            "provide-client-params", lambda params, model, **_: sent.append((model.name, params))
        )
    providers.mail("ann@buyers.example", Mail("s", "b"), ABOUT, "spring/1-2")
    providers.text("+821012345678", "line")
    (mail_name, mail), (text_name, text) = sent
    assert (mail_name, text_name) == ("SendEmail", "Publish")
    assert mail["EmailTags"] == [{"Name": "sale", "Value": "spring"}, {"Name": "type", "Value": "CONFIRMED"}]
    assert mail["Content"]["Simple"]["Headers"] == [{"Name": "X-Onsale-Message", "Value": "spring/1-2"}]
    assert text["MessageAttributes"]["AWS.SNS.SMS.SMSType"]["StringValue"] == "Transactional"


def test_the_clients_give_up_in_time_and_never_repeat_by_themselves(account: Settings) -> None:
    providers = Providers(account)
    for client in (providers._sns, providers._ses):
        config = client.meta.config
        assert (config.connect_timeout, config.read_timeout) == (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        assert config.retries["total_max_attempts"] == 1
        assert config.max_pool_connections == SENDERS
        assert client.meta.region_name == REGION


def test_region_and_endpoint_come_from_the_settings() -> None:
    here = Settings(aws_endpoint_url="http://127.0.0.1:4566", sns_topic_arn="arn", ses_from="a@b.co")
    providers = Providers(here)
    assert providers._sns.meta.endpoint_url == providers._ses.meta.endpoint_url == "http://127.0.0.1:4566"
    assert providers._sns.meta.region_name == "us-east-1"


def test_what_an_account_lacks_is_nobodys_dead_letter(account: Settings) -> None:
    with pytest.raises(ProviderAway, match="NotFound"):
        Providers(replace(account, sns_topic_arn=account.sns_topic_arn + "x")).publish("{}", ABOUT, "g", "n")
    with pytest.raises(ProviderAway):
        Providers(replace(account, ses_from="x@y.example")).mail("ann@b.example", Mail("s", "b"), ABOUT, "n")


def test_what_cannot_be_spelled_or_is_no_number_is_never_sendable(account: Settings) -> None:
    with pytest.raises(NeverSendable):
        Providers(account).text("+821012345678", "\ud800")
    with pytest.raises(NeverSendable) as refused:
        Providers(account).text("call-me-at-home", "line")
    assert "home" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Illegal address ann.lee+x@b.co.kr!", "Illegal address <address>"),
        ("<ann@b.co>, 'bob@c.de'", "<<address>>, '<address>'"),
        ("ann%40b.co", "<address>"),
        ("PhoneNumber Reason: +821012345678 is not valid", "PhoneNumber Reason: <number> is not valid"),
        ("010-1234-5678 or (02) 123 4567", "<number> or (<number>"),
        ("code 404, version 12", "code 404, version 12"),
    ],
)
def test_whatever_looks_like_an_address_is_left_out(text: str, told: str) -> None:
    assert without_contact(text) == told
