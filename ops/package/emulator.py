"""What is deployed to an emulator: the very template and zips of a deployment, with what only AWS has stood in for.

The whole of what differs from AWS is here:

* Functions have names of our choosing. The local event sources call them by name and start before there is a stack.
* The cluster's ARN, subnets and security groups name nothing: the emulator has no network, and does not poll Kafka.
* There is no TLS to the servers of this machine, and no SASL: their addresses say so.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from chalicelib.config import Settings
from chalicelib.token_rules import TokenRules

Document = dict[str, Any]

_FUNCTION = "AWS::Serverless::Function"
_STAND_INS = {
    "KafkaClusterArn": "arn:aws:kafka:{region}:{account}:cluster/onsale/00000000-0000-0000-0000-000000000000-1",
    "SubnetIds": "subnet-00000000",
    "SecurityGroupIds": "sg-00000000",
}


def function_name(stack: str, function: str) -> str:
    """Return the name that a function of the template has on the emulator."""
    return f"{stack}-{function}"


def document(template: Document, stack: str, code: str) -> Document:
    """Return the template as it is sent, with the zips in the folder `code` of a bucket: s3://BUCKET/FOLDER."""
    sent: Document = json.loads(json.dumps(template))
    for name, resource in sent["Resources"].items():
        if resource["Type"] == _FUNCTION:
            properties = resource["Properties"]
            properties["CodeUri"] = f"{code}/{properties['CodeUri']}"  # what `aws cloudformation package` does
            properties["FunctionName"] = function_name(stack, name)
    return sent


def parameters(template: Document, settings: Settings, *, region: str, account: str) -> dict[str, str]:
    """Return the values of the template's parameters that the settings of a local stack give; no secret is in them."""
    known = {
        "KafkaBootstrapServers": settings.kafka_bootstrap_servers,
        "KafkaAuth": "none",
        "KafkaTopic": settings.kafka_topic,
        "KafkaDlqTopic": settings.kafka_dlq_topic,
        "KafkaNotifyDlqTopic": settings.kafka_notify_dlq_topic,
        "SnsTopicArn": settings.sns_topic_arn,
        "SesFrom": settings.ses_from,
        "NotifyLanguage": settings.notify_language,
        "RedisUrl": without_password(settings.redis_url),
        "RedisCluster": str(int(settings.redis_cluster)),
        "MysqlUrl": without_password(settings.mysql_url),
        "JwtJwksUrl": settings.jwt_jwks_url,
        "JwtAlgorithm": TokenRules.of(settings).algorithm,
        "JwtAudience": settings.jwt_audience,
        "JwtIssuer": settings.jwt_issuer,
        "TrustedProxies": str(settings.trusted_proxies),
        "DefaultSale": settings.default_sale,
        **{name: value.format(region=region, account=account) for name, value in _STAND_INS.items()},
    }
    return {name: value for name, value in known.items() if name in template["Parameters"] and value}


def gateway_responses(template: Document) -> Document:
    """Return what API Gateway is to say by itself, by the kind of its response."""
    body = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    said: Document = body["x-amazon-apigateway-gateway-responses"]
    return said


_SECRETS: dict[str, Callable[[Settings], str]] = {
    "RedisSecretArn": lambda settings: password(settings.redis_url),
    "MysqlSecretArn": lambda settings: password(settings.mysql_url),
    "JwtSecretArn": lambda settings: settings.jwt_secret,
    "PaymentWebhookSecretArn": lambda settings: settings.webhook_secret,
    "PreviousPaymentWebhookSecretArn": lambda settings: settings.webhook_secret_previous,
}


def secrets(template: Document, settings: Settings) -> dict[str, str]:
    """Return what belongs into Secrets Manager, by the parameter that is to have its ARN."""
    found = {name: read(settings) for name, read in _SECRETS.items() if name in template["Parameters"]}
    return {name: value for name, value in found.items() if value}


def password(url: str) -> str:
    """Return the password in a URL."""
    return unquote(urlsplit(url).password or "")


def without_password(url: str) -> str:
    """Return a URL as a parameter may have it."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    user, _, address = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{name}@{address}" if name else address))


def digest(template: Document, zips: Mapping[str, bytes], *values: Mapping[str, str]) -> str:
    """Return what tells one deployment from another: code, template, parameters and secrets."""
    said = hashlib.sha256(json.dumps([template, *values], sort_keys=True).encode())
    for name in sorted(zips):
        said.update(name.encode())
        said.update(hashlib.sha256(zips[name]).digest())
    return said.hexdigest()[:32]
