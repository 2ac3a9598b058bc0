"""Does it answer? One real question to each kind of server. Libraries are loaded when asked for."""

import http.client
import logging
import socket
import urllib.parse
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from chalicelib.errors import SecretUnavailable
from chalicelib.redis_urls import node_urls

if TYPE_CHECKING:
    from chalicelib.sale.login import Login

ASK_WITHIN_S = 2.0


def port_open(port: int) -> bool:
    """Say whether something listens: a cheap question to ask before the real one."""
    with socket.socket() as client:
        client.settimeout(0.5)
        return client.connect_ex(("127.0.0.1", port)) == 0


def redis_answers(url: str, secret_arn: str = "") -> bool:
    """PING, to any of the nodes that the URL names. False also while it loads its data."""
    from chalicelib.sale.login import Login, without_login

    login = Login(secret_arn, url) if secret_arn else None
    return any(_redis_node_answers(without_login(each) if login else each, login) for each in node_urls(url))


def _redis_node_answers(url: str, login: "Login | None") -> bool:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    client = redis.Redis.from_url(
        url,
        socket_connect_timeout=ASK_WITHIN_S,
        socket_timeout=ASK_WITHIN_S,
        retry=Retry(NoBackoff(), 0),
        credential_provider=login,
    )
    try:
        return bool(client.ping())
    except redis.AuthenticationError:
        return login is not None and login.renewed() and _redis_node_answers(url, login)
    except (redis.RedisError, OSError, SecretUnavailable):
        return False
    finally:
        client.close()


def mysql_answers(url: str) -> bool:
    """SELECT 1, with the user, the password and the database of the URL."""
    import pymysql

    from functions.mysql import connect
    from functions.mysql_errors import DatabaseAway, RowsRefused

    try:
        with closing(connect(url)) as connection, connection.cursor() as cursor:
            return bool(cursor.execute("SELECT 1"))
    except (DatabaseAway, RowsRefused, pymysql.MySQLError, OSError):
        return False


def kafka_answers(client_config: Mapping[str, str | int | float | bool]) -> bool:
    """Ask for the cluster's metadata. `client_config` is librdkafka's: where it is, how to log in."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    logger = logging.getLogger("onsale.health.kafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    client = AdminClient({**client_config, "socket.connection.setup.timeout.ms": 2000}, logger=logger)
    try:
        return bool(client.list_topics(timeout=ASK_WITHIN_S).brokers)
    except KafkaException:
        return False


def aws_answers(url: str) -> bool:
    """Any HTTP answer but a fault of its own: emulators have no common question. AWS itself ("") is not asked."""
    if not url:
        return True
    parts = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "127.0.0.1", parts.port, timeout=ASK_WITHIN_S)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def http_answers(url: str, path: str = "/health") -> bool:
    """GET /health, or another path, below the one that the URL has, answers 200."""
    parts = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "127.0.0.1", parts.port, timeout=ASK_WITHIN_S)
    try:
        connection.request("GET", parts.path.rstrip("/") + path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
