"""Which settings there are: name, default, how the value is read, what it means. Reads nothing and checks nothing.

`chalicelib.config` reads them; nothing else imports this.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib import setting_values as values


def _setting(name: str, default: Any, parse: Callable[[str], Any], meaning: str, *, secret: bool = False) -> Any:
    """Declare a setting. The value of a `secret` one, or of one that may hold a password, is never shown."""
    metadata = {"name": name, "parse": parse, "meaning": meaning, "secret": secret}
    return field(default=default, metadata=metadata, repr=not secret)


def _arn(name: str, meaning: str) -> Any:
    """Declare the ARN of a secret. Not shown when it is bad: it may be the secret itself, put where its ARN belongs."""
    return _setting(name, "", values.secret_arn, meaning, secret=True)


@dataclass(frozen=True, slots=True)
class Declarations:
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
    metrics_port: int = _setting("ONSALE_METRICS_PORT", 9464, values.whole(1, 65535), "port of the metrics exporter")
    prometheus_port: int = _setting(
        "ONSALE_PROMETHEUS_PORT", 9090, values.whole(1, 65535), "port of the Prometheus of `onsale up --observe`"
    )
    gateway_workers: int = _setting(
        "ONSALE_GATEWAY_WORKERS", 0, values.whole(0, 64), "gateway processes; 0 = one per core"
    )
    pollers: int = _setting(
        "ONSALE_POLLERS", 1, values.whole(1, 64), "pollers of each event source, at most; a process each"
    )
    default_sale: str = _setting("DEFAULT_SALE", "demo", values.text, "the sale of the routes that name none")
    redis_url: str = _setting(
        "REDIS_URL",
        "",
        values.redis_url,
        "the Redis of the sale; of a cluster one node or several, `a:6379,b:6379`",
        secret=True,
    )
    redis_secret_arn: str = _arn("REDIS_SECRET_ARN", "secret with the password of Redis, which REDIS_URL then has not")
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
    mysql_secret_arn: str = _arn("MYSQL_SECRET_ARN", "secret with the password of MySQL, which MYSQL_URL then has not")
    mysql_ca_file: str = _setting(
        "MYSQL_CA_FILE",
        "",
        values.text,
        "file with the authorities (PEM) that MySQL's certificate is verified by; empty: this machine's",
    )
    kafka_bootstrap_servers: str = _setting(
        "KAFKA_BOOTSTRAP_SERVERS", "", values.text, "Kafka brokers, host:port,host:port"
    )
    kafka_auth: str = _setting(
        "KAFKA_AUTH",
        "none",
        values.one_of("none", "iam", "scram"),
        "`iam`: as the function's role, on MSK; `scram`: with KAFKA_SECRET_ARN; `none`: as the two settings below say",
    )
    kafka_secret_arn: str = _arn("KAFKA_SECRET_ARN", "secret with `username` and `password` for `scram`")
    kafka_security_protocol: str = _setting(
        "KAFKA_SECURITY_PROTOCOL",
        "",
        values.one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
        "as librdkafka's `security.protocol`; empty: SASL_SSL with `iam` and `scram`, else PLAINTEXT",
    )
    kafka_sasl_mechanism: str = _setting("KAFKA_SASL_MECHANISM", "", values.text, "as librdkafka's `sasl.mechanism`")
    kafka_ca_file: str = _setting(
        "KAFKA_CA_FILE",
        "",
        values.text,
        "file with the authorities (PEM) that brokers' certificates are verified by; empty: this machine's",
    )
    kafka_topic: str = _setting("KAFKA_TOPIC", "reservation-events", values.text, "topic of the events")
    kafka_dlq_topic: str = _setting(
        "KAFKA_DLQ_TOPIC", "reservation-events-dlq", values.text, "topic of the dead letters"
    )
    kafka_notify_dlq_topic: str = _setting(
        "KAFKA_NOTIFY_DLQ_TOPIC", "reservation-events-notify-dlq", values.text, "topic of what buyers can never be told"
    )
    kafka_group_prefix: str = _setting(
        "KAFKA_GROUP_PREFIX",
        "onsale",
        values.text,
        "first part of the consumer groups' names: `onsale-persist`",
    )
    aws_endpoint_url: str = _setting(
        "AWS_ENDPOINT_URL", "", values.url("http", "https"), "an AWS emulator; empty: AWS itself"
    )
    aws_region: str = _setting("AWS_REGION", "", values.text, "region of SNS, SES and MSK; set by Lambda")
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
    jwt_secret_arn: str = _arn("JWT_SECRET_ARN", "secret that takes the place of JWT_SECRET")
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
    webhook_secret_arn: str = _arn(
        "PAYMENT_WEBHOOK_SECRET_ARN", "secret that takes the place of PAYMENT_WEBHOOK_SECRET"
    )
    webhook_secret_previous: str = _setting(
        "PAYMENT_WEBHOOK_SECRET_PREVIOUS",
        "",
        values.shared_secret,
        "the one before it, while it is changed",
        secret=True,
    )
    webhook_secret_previous_arn: str = _arn(
        "PAYMENT_WEBHOOK_SECRET_PREVIOUS_ARN", "secret that takes the place of PAYMENT_WEBHOOK_SECRET_PREVIOUS"
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
