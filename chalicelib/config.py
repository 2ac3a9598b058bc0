"""The settings: the only module that reads the environment.

Nothing is read at import, because `chalice package` imports the app on a machine that has no settings. `settings()`
reads once and keeps the answer; a bad value stops the first use and names every bad value at once.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any

from chalicelib.errors import BadSetting, FieldError


def _text(value: str) -> str:
    return value


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return value

    return parse


def _whole(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not minimum <= int(value) <= maximum:
            raise ValueError(f"must be a whole number from {minimum} to {maximum}")
        return int(value)

    return parse


def _seconds(minimum: float, maximum: float) -> Callable[[str], float]:
    def parse(value: str) -> float:
        try:
            seconds = float(value)
        except ValueError:
            seconds = float("nan")
        if not minimum <= seconds <= maximum:
            raise ValueError(f"must be a number of seconds from {minimum} to {maximum}")
        return seconds

    return parse


def _yes_or_no(value: str) -> bool:
    if value not in ("0", "1"):
        raise ValueError("must be 0 or 1")
    return value == "1"


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value and value.split("://", 1)[0] not in schemes:
            raise ValueError(f"must be a URL that starts with {' or '.join(s + '://' for s in schemes)}")
        return value

    return parse


def _setting(name: str, default: Any, parse: Callable[[str], Any], meaning: str) -> Any:
    return field(default=default, metadata={"name": name, "parse": parse, "meaning": meaning})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, typed. README's table of settings is compared with these fields by a test."""

    stage: str = _setting("ONSALE_STAGE", "local", _text, "name of the stage, on every log line")
    url: str = _setting("ONSALE_URL", "", _url("http", "https"), "where the API answers")
    home: str = _setting("ONSALE_HOME", ".local", _text, "folder of the local stack: data, logs, pids, `env`")
    services: str = _setting(
        "ONSALE_SERVICES",
        "auto",
        _one_of("auto", "local", "docker"),
        "where Redis, Kafka and MySQL come from",
    )
    port: int = _setting("ONSALE_PORT", 8000, _whole(1, 65535), "port of the gateway")
    redis_port: int = _setting("ONSALE_REDIS_PORT", 6379, _whole(1, 65535), "port of the local Redis")
    mysql_port: int = _setting("ONSALE_MYSQL_PORT", 3306, _whole(1, 65535), "port of the local MySQL")
    kafka_port: int = _setting("ONSALE_KAFKA_PORT", 9092, _whole(1, 65535), "port of the local Kafka")
    gateway_workers: int = _setting("ONSALE_GATEWAY_WORKERS", 0, _whole(0, 64), "gateway processes; 0 = one per core")
    default_sale: str = _setting("DEFAULT_SALE", "demo", _text, "the sale of the routes that name none")
    redis_url: str = _setting("REDIS_URL", "", _url("redis", "rediss", "unix"), "the Redis of the sale")
    redis_cluster: bool = _setting("REDIS_CLUSTER", False, _yes_or_no, "1 where REDIS_URL is a Redis Cluster")
    redis_connect_timeout_s: float = _setting(
        "REDIS_CONNECT_TIMEOUT_S", 0.25, _seconds(0.01, 60), "seconds to wait for a connection to Redis"
    )
    redis_read_timeout_s: float = _setting(
        "REDIS_READ_TIMEOUT_S", 0.5, _seconds(0.01, 60), "seconds to wait for an answer of Redis"
    )
    mysql_url: str = _setting("MYSQL_URL", "", _url("mysql"), "the MySQL or MariaDB of the purchases")
    kafka_bootstrap_servers: str = _setting("KAFKA_BOOTSTRAP_SERVERS", "", _text, "Kafka brokers, host:port,host:port")
    kafka_security_protocol: str = _setting(
        "KAFKA_SECURITY_PROTOCOL",
        "PLAINTEXT",
        _one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
        "as librdkafka's `security.protocol`",
    )
    kafka_sasl_mechanism: str = _setting("KAFKA_SASL_MECHANISM", "", _text, "as librdkafka's `sasl.mechanism`")
    kafka_topic: str = _setting("KAFKA_TOPIC", "reservation-events", _text, "topic of the events")
    kafka_dlq_topic: str = _setting("KAFKA_DLQ_TOPIC", "reservation-events-dlq", _text, "topic of the dead letters")
    promote_tick_ms: int = _setting("PROMOTE_TICK_MS", 200, _whole(10, 60_000), "pause between two promotions, in ms")
    identity: str = _setting("IDENTITY", "trusted", _one_of("trusted"), "how a caller proves who they are")
    max_body_bytes: int = _setting("MAX_BODY_BYTES", 16_384, _whole(256, 1_048_576), "largest body of a request")
    lambda_function: str = _setting(
        "AWS_LAMBDA_FUNCTION_NAME",
        "",
        _text,
        "set by Lambda, never by you: a deployed stage refuses `trusted`",
    )

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Parse an environment; an empty variable counts as absent. Raises BadSetting naming every bad one."""
        values: dict[str, Any] = {}
        errors: list[FieldError] = []
        for each in fields(cls):
            text = environment.get(each.metadata["name"], "")
            if not text:
                continue
            try:
                values[each.name] = each.metadata["parse"](text)
            except ValueError as error:
                errors.append(FieldError(each.metadata["name"], f"{error}, not {text!r}"))
        if errors:
            raise BadSetting(errors)
        return cls(**values)


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
