"""Kafka that asks who one is: SCRAM over TLS with a password that is a secret, and the tokens that MSK takes."""

import json
import os
import tempfile
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from samtranslator.yaml_helper import yaml_parse

from chalicelib import secrets
from chalicelib.config import Settings
from chalicelib.errors import SecretUnavailable
from functions import kafka_client
from functions.kafka_client import client_config
from functions.kafka_login import iam_token
from functions.ledger_topics import Topics
from functions.producer import DELIVERY_TIMEOUT_MS, OutgoingRecord, ReliableProducer
from functions.topics import create_topics
from ops.local import kafka as kafka_server
from ops.local.ports import HOST, free_ports
from ops.local.program import PROJECT, Environment, spawn, stop_child, wait_until_it_answers
from tests.authority import Authority
from tests.conftest import Eventually
from tests.functions.vault import Vault

USER = "functions"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker with two doors: one for everybody, and one with TLS where SCRAM is asked for."""

    open_at: str
    guarded_at: str
    ca_file: str

    def set_password(self, text: str) -> None:
        """From now on only this one is good."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(USER, info, text.encode())
        admin = AdminClient({"bootstrap.servers": self.open_at})
        admin.alter_user_scram_credentials([change])[USER].result(30)


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with tempfile.TemporaryDirectory(prefix="onsale-scram-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        port, guarded, controller = free_ports(3)
        authority = Authority(folder / "good")
        both = folder / "server.pem"
        both.write_text("".join(path.read_text() for path in reversed(authority.issue(HOST))))
        program = kafka_server.program(folder / "data", folder, port, controller)

        def prepare(env: Environment) -> None:
            program.prepare(env)
            properties = folder / "kafka.properties"
            properties.write_text(_with_a_second_door(properties.read_text(), port, guarded, both))

        prepare(os.environ)
        child = spawn(replace(program, prepare=prepare), log=folder / "kafka.log", env=os.environ, tied=True)
        try:
            wait_until_it_answers(child)
            yield Broker(f"{HOST}:{port}", f"{HOST}:{guarded}", str(authority.ca_file))
        finally:
            stop_child(child, kill=True)


def _with_a_second_door(properties: str, port: int, guarded: int, certificate: Path) -> str:
    first = f"PLAINTEXT://{HOST}:{port}"
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    return "\n".join(
        [
            properties.replace(first, f"{first},SASL_SSL://{HOST}:{guarded}"),
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL",
            "sasl.enabled.mechanisms=SCRAM-SHA-512",
            f"listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={login}",
            "listener.name.sasl_ssl.ssl.keystore.type=PEM",
            f"listener.name.sasl_ssl.ssl.keystore.location={certificate}",
            "connections.max.idle.ms=1000",  # so that a producer that lies idle loses its connections
            "",
        ]
    )


@dataclass(slots=True)
class Account:
    """The user on the broker, and the secret that has the user's password."""

    broker: Broker
    vault: Vault
    arn: str
    settings: Settings

    def change(self) -> None:
        """Set another password on the broker and in the secret."""
        text = f"leaked-{next(_numbers)}"
        self.broker.set_password(text)
        self.vault.change(self.arn, json.dumps({"username": USER, "password": text}))


@pytest.fixture
def account(broker: Broker, vault: Vault) -> Account:
    number = next(_numbers)
    arn = vault.keep("{}")
    settings = Settings(
        kafka_auth="scram",
        kafka_secret_arn=arn,
        kafka_bootstrap_servers=broker.guarded_at,
        kafka_ca_file=broker.ca_file,
        kafka_topic=f"secrets-{number}",
        kafka_dlq_topic=f"secrets-{number}-dlq",
        kafka_notify_dlq_topic=f"secrets-{number}-notify-dlq",
    )
    made = Account(broker, vault, arn, settings)
    made.change()
    return made


def _record(account: Account) -> OutgoingRecord:
    return OutgoingRecord(account.settings.kafka_topic, b"k", b"v")


def test_topics_records_and_the_ledgers_readers_go_through_the_guarded_door(account: Account) -> None:
    create_topics(1, 1, account.settings)
    producer = ReliableProducer(lambda: client_config(account.settings))
    assert producer.send([_record(account)]) == [None]
    with Topics(account.settings) as topics:
        assert topics.lag() == 1
    producer.close()


def test_a_password_that_is_changed_costs_a_running_producer_no_record(
    account: Account, vault: Vault, eventually: Eventually
) -> None:
    create_topics(1, 1, account.settings)
    producer = ReliableProducer(lambda: client_config(account.settings))
    assert producer.send([_record(account)]) == [None]
    running, before = producer._producer, len(vault.reads)
    account.change()
    eventually(lambda: _connections(account) == 0)  # who is logged in would stay so
    assert producer.send([_record(account)]) == [None]
    assert producer._producer is running
    assert len(vault.reads) == before + 1
    producer.close()


def test_a_password_that_stays_wrong_is_a_failed_record_and_hurries_nobody(account: Account, vault: Vault) -> None:
    create_topics(1, 1, account.settings)
    before = len(vault.reads)
    vault.change(account.arn, json.dumps({"username": USER, "password": "leaked-wrong"}))
    secrets.forget()
    producer = ReliableProducer(lambda: client_config(account.settings))
    (error,) = producer.send([_record(account)])
    assert error is not None
    assert error.code() == KafkaError._MSG_TIMED_OUT
    assert len(vault.reads) <= before + 2
    producer.close()


def test_a_producer_whose_secret_cannot_be_read_says_so_for_each_record(account: Account, vault: Vault) -> None:
    vault.delete(account.arn)
    secrets.forget()
    errors = ReliableProducer(lambda: client_config(account.settings)).send([_record(account)] * 2)
    assert [account.arn in str(error) for error in errors] == [True, True]


def test_a_secret_without_a_user_is_told_so(vault: Vault) -> None:
    arn = vault.keep("leaked")
    with pytest.raises(SecretUnavailable, match=rf"{arn}.*username") as failed:
        client_config(Settings(kafka_auth="scram", kafka_secret_arn=arn))
    assert "leaked" not in str(failed.value)


def test_a_broker_of_another_authority_is_not_spoken_to(
    account: Account, tmp_path: Path, eventually: Eventually
) -> None:
    stranger = replace(account.settings, kafka_ca_file=str(Authority(tmp_path / "another").ca_file))
    errors: list[KafkaError] = []
    client = Producer({**client_config(stranger), "error_cb": errors.append, "log_level": 0})
    eventually(lambda: client.poll(0.1) >= 0 and KafkaError._SSL in [each.code() for each in errors])


def test_the_token_for_msk_is_a_request_that_the_role_has_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAONSALE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "leaked")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
    token, ends_at_s = iam_token("eu-central-1", "")
    url = urlsplit(urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode())
    said = {name: value for name, (value,) in parse_qs(url.query).items()}
    assert url.hostname == "kafka.eu-central-1.amazonaws.com"
    assert said["Action"] == "kafka-cluster:Connect"
    assert said["X-Amz-Credential"].startswith("AKIAONSALE/")
    assert "/eu-central-1/kafka-cluster/" in said["X-Amz-Credential"]
    assert said["X-Amz-Security-Token"] == "session"
    assert said["X-Amz-Expires"] == "900"
    assert len(said["X-Amz-Signature"]) == 64
    assert 890 < ends_at_s - time.time() <= 900
    assert "leaked" not in url.query


@pytest.mark.parametrize("kind", [Producer, Consumer, AdminClient])
def test_every_client_asks_for_a_token_by_itself(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def token(region: str, _config: str) -> tuple[str, float]:
        asked.append(region)
        return "token", time.time() + 900

    monkeypatch.setattr(kafka_client, "iam_token", token)
    of = Settings(kafka_auth="iam", aws_region="eu-central-1", kafka_bootstrap_servers=f"{HOST}:1")
    config = client_config(of)
    assert (config["security.protocol"], config["sasl.mechanism"]) == ("SASL_SSL", "OAUTHBEARER")
    client = kind({**config, "group.id": "g", "log_level": 0} if kind is Consumer else {**config, "log_level": 0})
    client.poll(0)
    assert asked == ["eu-central-1"]


def test_what_the_two_settings_say_goes_on_as_before() -> None:
    plain = client_config(Settings())
    assert plain["security.protocol"] == "PLAINTEXT"
    assert not {"sasl.mechanism", "oauth_cb", "error_cb"} & set(plain)
    said = client_config(Settings(kafka_security_protocol="SASL_SSL", kafka_sasl_mechanism="GSSAPI"))
    assert (said["security.protocol"], said["sasl.mechanism"]) == ("SASL_SSL", "GSSAPI")


def test_a_record_is_given_up_before_any_function_that_sends_one_is() -> None:
    template = yaml_parse((PROJECT / "template.yaml").read_text())
    for name in ("Relay", "Persist", "Notify", "Statistics", "Operate"):
        assert template["Resources"][name]["Properties"]["Timeout"] * 1000 > 2 * DELIVERY_TIMEOUT_MS, name


def test_no_producer_connects_before_it_has_something_to_send(vault: Vault) -> None:
    arn = vault.keep(json.dumps({"username": USER, "password": "p"}))
    of = Settings(kafka_auth="scram", kafka_secret_arn=arn, kafka_bootstrap_servers=f"{HOST}:1")
    producer = ReliableProducer(lambda: client_config(of))
    assert producer.send([]) == []
    assert vault.reads == []


def _connections(account: Account) -> int:
    port = int(account.broker.guarded_at.rpartition(":")[2])
    ours = psutil.Process().net_connections(kind="tcp")
    return sum(bool(each.raddr) and each.raddr.port == port and each.status == psutil.CONN_ESTABLISHED for each in ours)
