"""Settings that contradict each other: each is good by itself, but both cannot be meant. Returns them by name."""

from collections.abc import Iterator
from dataclasses import fields
from urllib.parse import urlsplit

from chalicelib.errors import FieldError
from chalicelib.redis_urls import node_urls
from chalicelib.setting_declarations import Declarations

# What may be said beside KAFKA_AUTH. `none` is not here: then the two settings alone say it.
_KAFKA_PROTOCOLS = {"iam": ("SASL_SSL",), "scram": ("SASL_SSL", "SASL_PLAINTEXT")}
_KAFKA_MECHANISMS = {"iam": ("OAUTHBEARER",), "scram": ("SCRAM-SHA-512", "SCRAM-SHA-256")}


def conflicts(read: Declarations) -> list[FieldError]:
    """Return every setting that another one contradicts."""
    return [*_unused_tokens(read), *_secrets_twice(read), *_several_servers(read), *_kafka(read)]


def _unused_tokens(read: Declarations) -> Iterator[FieldError]:
    """Refuse `trusted` beside settings that only `jwt` needs: somebody believes that tokens are looked at."""
    named = [
        each.metadata["name"] for each in fields(read) if each.name.startswith("jwt_") and getattr(read, each.name)
    ]
    if named and read.identity != "jwt":
        told = f"is `trusted`, with which {', '.join(named)} would do nothing: set IDENTITY=jwt, or unset the others"
        yield FieldError("IDENTITY", told)


def _secrets_twice(read: Declarations) -> Iterator[FieldError]:
    """Refuse a secret beside its ARN: one of them would be ignored, and nobody would know which."""
    pairs = (
        ("JWT_SECRET", read.jwt_secret, read.jwt_secret_arn),
        ("PAYMENT_WEBHOOK_SECRET", read.webhook_secret, read.webhook_secret_arn),
        ("PAYMENT_WEBHOOK_SECRET_PREVIOUS", read.webhook_secret_previous, read.webhook_secret_previous_arn),
    )
    for name, value, arn in pairs:
        if value and arn:
            yield FieldError(name, f"cannot be set together with {name}_ARN: one of the two")
    urls = (
        ("REDIS_URL", "REDIS_SECRET_ARN", read.redis_url, read.redis_secret_arn),
        ("MYSQL_URL", "MYSQL_SECRET_ARN", read.mysql_url, read.mysql_secret_arn),
    )
    for name, arn_name, url, arn in urls:
        if arn and urlsplit(url).password:
            yield FieldError(name, f"cannot have a password together with {arn_name}: one of the two")


def _several_servers(read: Declarations) -> Iterator[FieldError]:
    """Refuse several nodes where nobody says that they are a cluster: the sale would be in one of them by chance."""
    if len(node_urls(read.redis_url)) > 1 and not read.redis_cluster:
        yield FieldError("REDIS_URL", "names several nodes, which only a cluster has: set REDIS_CLUSTER=1, or name one")


def _kafka(read: Declarations) -> Iterator[FieldError]:
    auth = read.kafka_auth
    if auth == "scram" and not read.kafka_secret_arn:
        yield FieldError("KAFKA_SECRET_ARN", "is required with KAFKA_AUTH=scram")
    if auth != "scram" and read.kafka_secret_arn:
        yield FieldError("KAFKA_SECRET_ARN", f"would do nothing with KAFKA_AUTH={auth}: set scram, or unset it")
    said = (
        ("KAFKA_SECURITY_PROTOCOL", read.kafka_security_protocol, _KAFKA_PROTOCOLS),
        ("KAFKA_SASL_MECHANISM", read.kafka_sasl_mechanism, _KAFKA_MECHANISMS),
    )
    for name, value, allowed in said:
        if value and auth in allowed and value not in allowed[auth]:
            yield FieldError(name, f"must be {' or '.join(allowed[auth])}, or unset, with KAFKA_AUTH={auth}")
