"""How any client of ours reaches Kafka: brokers, security, and reconnecting soon enough after an outage."""

from chalicelib.config import Settings

# librdkafka waits up to 10 s between reconnects unless told otherwise: too long for "back within 10 s".
RECONNECT_MAX_MS = 1_000


def client_config(settings: Settings) -> dict[str, str | int | float | bool]:
    """Return the librdkafka settings that producers, consumers and admin clients share."""
    config: dict[str, str | int | float | bool] = {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "security.protocol": settings.kafka_security_protocol,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": RECONNECT_MAX_MS,
        "allow.auto.create.topics": False,
        "log.connection.close": False,
    }
    if settings.kafka_sasl_mechanism:
        config["sasl.mechanism"] = settings.kafka_sasl_mechanism
    return config
