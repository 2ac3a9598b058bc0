"""The clients of SNS and SES: where they call, how long they wait. What a mail is made of, and what no log may hold."""

from email import message_from_bytes
from email.policy import default

import pytest

from chalicelib.config import Settings
from functions.messages import Mail
from functions.mime import composed
from functions.notify_providers import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    SENDERS,
    NeverSendable,
    Providers,
    without_contact,
)

HERE = Settings(aws_endpoint_url="http://127.0.0.1:4566", sns_topic_arn="arn", ses_from="갈라 <a@b.example>")


def test_the_clients_give_up_in_time_and_never_repeat_by_themselves() -> None:
    providers = Providers(HERE)
    for client in (providers._sns, providers._ses):
        config = client.meta.config
        assert (config.connect_timeout, config.read_timeout) == (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        assert config.retries["total_max_attempts"] == 1
        assert config.max_pool_connections == SENDERS


def test_region_and_endpoint_come_from_the_settings() -> None:
    providers = Providers(HERE)
    for client in (providers._sns, providers._ses):
        assert client.meta.endpoint_url == "http://127.0.0.1:4566"
        assert client.meta.region_name == "us-east-1"


def test_a_mail_is_plain_text_in_seven_bits_whatever_it_says() -> None:
    data = composed("갈라 <a@b.example>", "ann@b.co", Mail("좌석 A-1", "본문\n" * 40), {"X-Onsale-Message": "gala/1-2"})
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 78
    mail = message_from_bytes(data, policy=default)
    assert (mail["From"], mail["To"], mail["Subject"]) == ("갈라 <a@b.example>", "ann@b.co", "좌석 A-1")
    assert (mail["X-Onsale-Message"], mail.get_content_type()) == ("gala/1-2", "text/plain")
    assert mail.get_content().splitlines() == ["본문"] * 40


@pytest.mark.parametrize("content", [Mail("two\nlines", "b"), Mail("s", "\ud800")], ids=["header", "body"])
def test_what_no_mail_can_be_made_of_is_never_sendable(content: Mail) -> None:
    with pytest.raises(NeverSendable) as refused:
        Providers(HERE).mail("ann@b.co", content, {}, "gala/1-2")
    assert "ann@b.co" not in str(refused.value)


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
