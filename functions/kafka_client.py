"""How any client of ours reaches Kafka: brokers, security, and reconnecting soon enough after an outage."""

from functools import partial
from typing import Any

from chalicelib.config import Settings
from functions.kafka_login import ScramLogin, iam_token

# librdkafka waits up to 10 s between reconnects unless told otherwise: too long for "back within 10 s".
RECONNECT_MAX_MS = 1_000

Config = dict[str, Any]  # librdkafka's names; values are texts, numbers and callbacks


def group_of(settings: Settings, function: str) -> str:
    """Return the consumer group of a function, as the template names it: `onsale-persist`."""
    return f"{settings.kafka_group_prefix}-{function}"


def client_config(settings: Settings) -> Config:
    """Return the librdkafka settings that producers, consumers and admin clients share.

    With KAFKA_AUTH=scram the secret is read, at most a few seconds ago. Raises SecretUnavailable.
    """
    config: Config = {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "security.protocol": settings.kafka_security_protocol or "PLAINTEXT",
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": RECONNECT_MAX_MS,
        "allow.auto.create.topics": False,
        "log.connection.close": False,
    }
    if settings.kafka_ca_file:
        config["ssl.ca.location"] = settings.kafka_ca_file
    if settings.kafka_sasl_mechanism:
        config["sasl.mechanism"] = settings.kafka_sasl_mechanism
    if settings.kafka_auth != "none":
        config["security.protocol"] = settings.kafka_security_protocol or "SASL_SSL"
    if settings.kafka_auth == "iam":
        config |= {"sasl.mechanism": "OAUTHBEARER", "oauth_cb": partial(iam_token, settings.region)}
    if settings.kafka_auth == "scram":
        login = ScramLogin(settings.kafka_secret_arn)
        config.setdefault("sasl.mechanism", "SCRAM-SHA-512")
        config |= {"sasl.username": login.username, "sasl.password": login.password, "error_cb": login.refused}
    return config
