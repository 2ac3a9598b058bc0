"""The settings: the only module that reads the environment.

Nothing is read at import, because `chalice package` imports the app on a machine that has no settings. `settings()`
reads once and keeps the answer; a bad value stops the first use and names every bad value at once.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any

from chalicelib import setting_values as values
from chalicelib.errors import BadSetting, FieldError
from chalicelib.rates import UNLIMITED, WHEN_DEPLOYED, Rates, read_rates


def _setting(name: str, default: Any, parse: Callable[[str], Any], meaning: str, *, secret: bool = False) -> Any:
    """Declare a setting. The value of a `secret` one, or of one that may hold a password, is never shown."""
    metadata = {"name": name, "parse": parse, "meaning": meaning, "secret": secret}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, typed. README's table of settings is compared with these fields by a test."""

    stage: str = _setting("ONSALE_STAGE", "local", values.text, "name of the stage, on every log line")
    url: str = _setting("ONSALE_URL", "", values.url("http", "https"), "where the API answers")
    home: str = _setting("ONSALE_HOME", ".local", values.text, "folder of the local stack: data, logs, pids, `env`")
    services: str = _setting(
        "ONSALE_SERVICES",
        "auto",
        values.one_of("auto", "local", "docker"),
        "where Redis, Kafka and MySQL come from",
    )
    port: int = _setting("ONSALE_PORT", 8000, values.whole(1, 65535), "port of the gateway")
    redis_port: int = _setting("ONSALE_REDIS_PORT", 6379, values.whole(1, 65535), "port of the local Redis")
    mysql_port: int = _setting("ONSALE_MYSQL_PORT", 3306, values.whole(1, 65535), "port of the local MySQL")
    kafka_port: int = _setting("ONSALE_KAFKA_PORT", 9092, values.whole(1, 65535), "port of the local Kafka")
    aws_port: int = _setting("ONSALE_AWS_PORT", 4566, values.whole(1, 65535), "port of the local AWS emulator")
    gateway_workers: int = _setting(
        "ONSALE_GATEWAY_WORKERS", 0, values.whole(0, 64), "gateway processes; 0 = one per core"
    )
    pollers: int = _setting(
        "ONSALE_POLLERS", 1, values.whole(1, 64), "pollers of each event source, at most; a process each"
    )
    default_sale: str = _setting("DEFAULT_SALE", "demo", values.text, "the sale of the routes that name none")
    redis_url: str = _setting(
        "REDIS_URL", "", values.url("redis", "rediss", "unix"), "the Redis of the sale", secret=True
    )
    redis_cluster: bool = _setting("REDIS_CLUSTER", False, values.yes_or_no, "1 where REDIS_URL is a Redis Cluster")
    redis_connect_timeout_s: float = _setting(
        "REDIS_CONNECT_TIMEOUT_S", 0.25, values.seconds(0.01, 60), "seconds to wait for a connection to Redis"
    )
    redis_read_timeout_s: float = _setting(
        "REDIS_READ_TIMEOUT_S", 0.5, values.seconds(0.01, 60), "seconds to wait for an answer of Redis"
    )
    mysql_url: str = _setting(
        "MYSQL_URL", "", values.url("mysql"), "the MySQL or MariaDB of the purchases", secret=True
    )
    kafka_bootstrap_servers: str = _setting(
        "KAFKA_BOOTSTRAP_SERVERS", "", values.text, "Kafka brokers, host:port,host:port"
    )
    kafka_security_protocol: str = _setting(
        "KAFKA_SECURITY_PROTOCOL",
        "PLAINTEXT",
        values.one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
        "as librdkafka's `security.protocol`",
    )
    kafka_sasl_mechanism: str = _setting("KAFKA_SASL_MECHANISM", "", values.text, "as librdkafka's `sasl.mechanism`")
    kafka_topic: str = _setting("KAFKA_TOPIC", "reservation-events", values.text, "topic of the events")
    kafka_dlq_topic: str = _setting(
        "KAFKA_DLQ_TOPIC", "reservation-events-dlq", values.text, "topic of the dead letters"
    )
    kafka_notify_dlq_topic: str = _setting(
        "KAFKA_NOTIFY_DLQ_TOPIC", "reservation-events-notify-dlq", values.text, "topic of what buyers can never be told"
    )
    aws_endpoint_url: str = _setting(
        "AWS_ENDPOINT_URL", "", values.url("http", "https"), "an AWS emulator; empty: AWS itself"
    )
    aws_region: str = _setting("AWS_REGION", "", values.text, "region of SNS and SES; set by Lambda")
    aws_default_region: str = _setting(
        "AWS_DEFAULT_REGION", "us-east-1", values.text, "region where `AWS_REGION` is not set"
    )
    sns_topic_arn: str = _setting(
        "SNS_TOPIC_ARN", "", values.text, "SNS topic of the reservation events; empty: neither topic nor SMS"
    )
    ses_from: str = _setting("SES_FROM", "", values.text, "sender of e-mail to buyers; empty: no e-mail")
    notify_language: str = _setting(
        "NOTIFY_LANGUAGE", "en", values.one_of("en", "ko"), "language of buyers who have not said theirs"
    )
    notify_max_age_s: int = _setting(
        "NOTIFY_MAX_AGE_S", 86_400, values.whole(60, 1_209_600), "buyers are not told of what is older, in seconds"
    )
    promote_tick_ms: int = _setting(
        "PROMOTE_TICK_MS", 200, values.whole(10, 60_000), "pause between two promotions, in ms"
    )
    identity: str = _setting(
        "IDENTITY",
        "trusted",
        values.one_of("trusted", "jwt"),
        "`trusted`: a buyer is who they say; `jwt`: a bearer token tells",
    )
    jwt_secret: str = _setting(
        "JWT_SECRET", "", values.shared_secret, "HS256: the secret that signs tokens, 32 bytes at least", secret=True
    )
    jwt_jwks_url: str = _setting("JWT_JWKS_URL", "", values.key_set_url, "where the issuer publishes its keys (JWKS)")
    jwt_jwks_file: str = _setting("JWT_JWKS_FILE", "", values.text, "a file with the issuer's public keys (JWKS)")
    jwt_algorithm: str = _setting(
        "JWT_ALGORITHM",
        "",
        values.one_of("RS256", "ES256", "HS256"),
        "the one algorithm of tokens; empty: HS256 with a secret, else RS256",
    )
    jwt_audience: str = _setting("JWT_AUDIENCE", "", values.text, "the `aud` of tokens that are for us")
    jwt_issuer: str = _setting("JWT_ISSUER", "", values.text, "the `iss` of tokens, exactly")
    webhook_secret: str = _setting(
        "PAYMENT_WEBHOOK_SECRET",
        "",
        values.shared_secret,
        "the payment provider signs with it, 32 bytes at least; buyers then cannot confirm for themselves",
        secret=True,
    )
    webhook_secret_previous: str = _setting(
        "PAYMENT_WEBHOOK_SECRET_PREVIOUS",
        "",
        values.shared_secret,
        "the one before it, while it is changed",
        secret=True,
    )
    rate_limit: str = _setting(
        "RATE_LIMIT",
        "auto",
        values.rate_limit,
        "requests per second of a user and of an address, such as `5/100`; `off`; `auto`: 5/100 when deployed",
    )
    trusted_proxies: int = _setting(
        "TRUSTED_PROXIES", 0, values.whole(0, 8), "proxies in front of the API whose X-Forwarded-For is believed"
    )
    max_body_bytes: int = _setting("MAX_BODY_BYTES", 16_384, values.whole(256, 1_048_576), "largest body of a request")
    log_level: str = _setting(
        "POWERTOOLS_LOG_LEVEL",
        "INFO",
        values.one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
        "least level of the functions' log lines",
    )
    metrics_disabled: str = _setting(
        "POWERTOOLS_METRICS_DISABLED",
        "",
        values.one_of("true", "false"),
        "`false`: functions write metrics (EMF) to stdout, `true`: never; unset: when deployed",
    )
    lambda_function: str = _setting(
        "AWS_LAMBDA_FUNCTION_NAME",
        "",
        values.text,
        "set by Lambda, never by you: a deployed stage refuses `trusted`",
    )

    @property
    def limits(self) -> Rates:
        """How often one may ask here."""
        if self.rate_limit == "auto":
            return WHEN_DEPLOYED if self.lambda_function else UNLIMITED
        return read_rates(self.rate_limit)

    @property
    def publishes_metrics(self) -> bool:
        """Whether functions write metrics: only CloudWatch reads them."""
        return bool(self.lambda_function) if not self.metrics_disabled else self.metrics_disabled == "false"

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Parse an environment; an empty variable counts as absent. Raises BadSetting naming every bad one."""
        parsed: dict[str, Any] = {}
        errors: list[FieldError] = []
        for each in fields(cls):
            text = environment.get(each.metadata["name"], "")
            if not text:
                continue
            try:
                parsed[each.name] = each.metadata["parse"](text)
            except ValueError as error:
                told = "; its value is not shown" if each.metadata["secret"] else f", not {text!r}"
                errors.append(FieldError(each.metadata["name"], f"{error}{told}"))
        if errors:
            raise BadSetting(errors)
        read = cls(**parsed)
        read._refuse_unused_tokens()
        return read

    def _refuse_unused_tokens(self) -> None:
        """Refuse `trusted` beside settings that only `jwt` needs: somebody believes that tokens are looked at."""
        if self.identity == "jwt":
            return
        named = [
            each.metadata["name"] for each in fields(self) if each.name.startswith("jwt_") and getattr(self, each.name)
        ]
        if named:
            told = (
                f"is `trusted`, with which {', '.join(named)} would do nothing: set IDENTITY=jwt, or unset the others"
            )
            raise BadSetting([FieldError("IDENTITY", told)])


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """What a person needs to know of one setting."""

    name: str
    default: str
    meaning: str


def documented() -> list[SettingDoc]:
    """Return every setting with its default as the environment would spell it."""
    rows = []
    for each in fields(Settings):
        default = "" if each.default is MISSING else each.default
        spelled = str(int(default)) if isinstance(default, bool) else str(default)
        rows.append(SettingDoc(each.metadata["name"], spelled, each.metadata["meaning"]))
    return rows


@cache
def settings() -> Settings:
    """Return the settings of this process, read from its environment on the first call."""
    return Settings.read(os.environ)
