"""A secret by its ARN: when it is read and when it is not, what it may hold, and that nobody is shown it."""

import logging
import threading

import pytest

from chalicelib import secrets
from chalicelib.config import Settings
from chalicelib.errors import BadSetting, SecretUnavailable, StoreUnavailable
from chalicelib.secrets import KEEP_S, RENEW_S, RETRY_S, Secret, Source, parsed

ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:redis-a1b2c3"
SSM = "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/onsale/redis"


class Vault:
    """Holds one text, counts who asks for it, and has a clock that is set by hand."""

    def __init__(self, text: str = "first") -> None:
        self.text = text
        self.asked = 0
        self.away = False
        self.now_s = 1_000_000.0
        self.source = Source(ARN, self.fetch, lambda: self.now_s)

    def fetch(self, arn: str) -> str:
        """Answer as AWS would."""
        self.asked += 1
        if self.away:
            raise SecretUnavailable(arn, "ConnectTimeoutError")
        return self.text


def test_a_secret_is_read_at_its_first_use_and_kept() -> None:
    vault = Vault()
    assert vault.asked == 0
    assert {vault.source.read().password for _ in range(5)} == {"first"}
    assert vault.asked == 1


def test_it_is_looked_at_again_now_and_then() -> None:
    vault = Vault()
    vault.source.read()
    vault.text, vault.now_s = "second", vault.now_s + KEEP_S
    assert vault.source.read() == Secret("second")


def test_whoever_asks_for_a_recent_one_gets_it() -> None:
    vault = Vault()
    vault.source.read()
    vault.text, vault.now_s = "second", vault.now_s + RENEW_S
    assert vault.source.read() == Secret("first")
    assert vault.source.read(RENEW_S) == Secret("second")


def test_a_refusal_has_it_read_at_once() -> None:
    vault = Vault()
    old = vault.source.read()
    vault.text = "second"
    assert vault.source.renewed(old) == Secret("second")
    assert vault.source.read() == Secret("second")


def test_a_password_that_stays_wrong_is_not_asked_for_at_every_refusal() -> None:
    vault = Vault("wrong")
    wrong = vault.source.read()
    assert [vault.source.renewed(wrong) for _ in range(100)] == [None] * 100
    assert vault.asked == 2
    vault.now_s += RENEW_S
    vault.text = "right"
    assert vault.source.renewed(wrong) == Secret("right")
    assert vault.asked == 3


def test_many_that_are_refused_at_once_share_one_reading() -> None:
    vault = Vault()
    old = vault.source.read()
    vault.text = "second"
    found: list[Secret | None] = []
    threads = [threading.Thread(target=lambda: found.append(vault.source.renewed(old))) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [Secret("second")] * 8
    assert vault.asked == 2


def test_a_secret_that_cannot_be_read_is_an_outage_that_names_its_arn() -> None:
    vault = Vault()
    vault.away = True
    with pytest.raises(StoreUnavailable, match=ARN) as failed:
        vault.source.read()
    assert "ConnectTimeoutError" in failed.value.detail
    assert failed.value.code == "store-unavailable"


def test_a_reading_that_failed_is_not_repeated_by_everybody() -> None:
    vault = Vault()
    vault.away = True
    for _ in range(10):
        with pytest.raises(SecretUnavailable, match="ConnectTimeoutError"):
            vault.source.read()
    assert vault.asked == 1
    vault.away, vault.now_s = False, vault.now_s + RETRY_S
    assert vault.source.read() == Secret("first")


def test_what_is_known_is_used_while_it_cannot_be_read() -> None:
    vault = Vault()
    old = vault.source.read()
    vault.away, vault.now_s = True, vault.now_s + KEEP_S
    assert vault.source.read() == old
    assert vault.source.renewed(old) is None


def test_a_clock_that_is_set_back_keeps_nobody_from_reading() -> None:
    vault = Vault()
    vault.source.read()
    vault.text, vault.now_s = "second", vault.now_s - 3_600
    assert vault.source.read() == Secret("second")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("plain", Secret("plain")),
        ("plain\n", Secret("plain")),
        (" spaces stay ", Secret(" spaces stay ")),
        ("12345678", Secret("12345678")),
        ('"quoted"', Secret('"quoted"')),
        ("{not json", Secret("{not json")),
        ("[" * 100_000, Secret("[" * 100_000)),
        ('{"password": "p"}', Secret("p")),
        ('{"username": "u", "password": "p", "host": "db"}', Secret("p", "u")),
    ],
)
def test_a_secret_is_a_text_or_json_with_a_password(text: str, secret: Secret) -> None:
    assert parsed(ARN, text) == secret


@pytest.mark.parametrize(
    "text", ["", "\n", "{}", '{"password": ""}', '{"password": 1}', '{"password":"p","username":1}']
)
def test_what_holds_no_password_is_refused_without_a_word_of_it(text: str) -> None:
    with pytest.raises(SecretUnavailable, match="neither a text nor JSON"):
        parsed(ARN, text)


def test_nothing_of_a_secret_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    vault = Vault('{"password": 4711, "username": "leaked"}')
    with pytest.raises(SecretUnavailable) as failed:
        vault.source.read()
    assert "4711" not in f"{failed.value!r}{failed.value}{failed.value.members}{caplog.text}"
    assert "leaked" not in f"{failed.value!r}{failed.value}{failed.value.members}{caplog.text}"
    assert repr(Secret("leaked", "leaked")) == "Secret()"


NAMES = [
    "REDIS_SECRET_ARN",
    "MYSQL_SECRET_ARN",
    "PAYMENT_WEBHOOK_SECRET_ARN",
    "PAYMENT_WEBHOOK_SECRET_PREVIOUS_ARN",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("arn", [ARN, SSM])
def test_a_setting_takes_the_arn_of_either_service(name: str, arn: str) -> None:
    Settings.read({name: arn})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "text",
    [
        "leaked-password",
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:",
        "arn:aws:secretsmanager:eu-central-1:1234:secret:redis",
        "arn:aws:s3:::leaked",
        f"{ARN}\n",
        f"{ARN} ",
    ],
)
def test_what_is_no_arn_is_refused_and_not_shown(name: str, text: str) -> None:
    with pytest.raises(BadSetting, match=name) as refused:
        Settings.read({name: text})
    assert "leaked" not in str(refused.value)


LONG = "0123456789" * 4
JWT = {"IDENTITY": "jwt", "JWT_AUDIENCE": "a", "JWT_ISSUER": "i"}


@pytest.mark.parametrize(
    ("name", "given", "beside"),
    [
        ("JWT_SECRET", LONG, JWT),
        ("PAYMENT_WEBHOOK_SECRET", LONG, {}),
        ("PAYMENT_WEBHOOK_SECRET_PREVIOUS", LONG, {}),
        ("REDIS_URL", "rediss://user:password@db:6379", {}),
        ("MYSQL_URL", "mysql://user:password@db/onsale", {}),
    ],
)
def test_a_secret_beside_its_arn_is_refused_naming_both(name: str, given: str, beside: dict[str, str]) -> None:
    arn_name = f"{name.removesuffix('_URL')}_SECRET_ARN" if name.endswith("_URL") else f"{name}_ARN"
    with pytest.raises(BadSetting, match=f"{name}.*{arn_name}"):
        Settings.read({name: given, arn_name: ARN, **beside})


def test_a_url_with_a_user_and_no_password_goes_with_an_arn() -> None:
    Settings.read({"REDIS_URL": "rediss://user@db:6379", "REDIS_SECRET_ARN": ARN})


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"KAFKA_AUTH": "scram"}, "KAFKA_SECRET_ARN"),
        ({"KAFKA_SECRET_ARN": ARN}, "KAFKA_SECRET_ARN"),
        ({"KAFKA_AUTH": "iam", "KAFKA_SECRET_ARN": ARN}, "KAFKA_SECRET_ARN"),
        ({"KAFKA_AUTH": "iam", "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}, "KAFKA_SECURITY_PROTOCOL"),
        ({"KAFKA_AUTH": "iam", "KAFKA_SASL_MECHANISM": "PLAIN"}, "KAFKA_SASL_MECHANISM"),
        ({"KAFKA_AUTH": "scram", "KAFKA_SECRET_ARN": ARN, "KAFKA_SECURITY_PROTOCOL": "SSL"}, "KAFKA_SECURITY_PROTOCOL"),
        ({"KAFKA_AUTH": "scram", "KAFKA_SECRET_ARN": ARN, "KAFKA_SASL_MECHANISM": "PLAIN"}, "KAFKA_SASL_MECHANISM"),
        ({"KAFKA_AUTH": "kerberos"}, "KAFKA_AUTH"),
        ({"JWT_SECRET_ARN": ARN}, "IDENTITY"),
    ],
)
def test_settings_that_contradict_each_other_are_named(given: dict[str, str], named: str) -> None:
    with pytest.raises(BadSetting) as refused:
        Settings.read(given)
    assert [error["field"] for error in refused.value.members["errors"]] == [named]  # type: ignore[attr-defined]


def test_an_outage_is_over_before_the_authorizer_is() -> None:
    # botocore pauses for a second at most between two attempts
    assert 2 * (secrets.CONNECT_TIMEOUT_S + secrets.READ_TIMEOUT_S) + 1 < 5
