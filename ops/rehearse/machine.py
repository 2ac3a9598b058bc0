"""The machine that a rehearsal ran on, and the servers it met: all is asked for, and absent where none answers."""

import os
import platform
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from urllib.parse import urlsplit

import psutil

from chalicelib.redis_urls import node_urls
from ops import hardware
from ops.rehearse.record import Machine

_ASK_WITHIN_S = 2.0


def machine(env: Mapping[str, str]) -> Machine:
    """Describe this machine, and the servers of the stack whose environment is given ({}: none of ours).

    Takes a moment: call it before the crowd comes, so that the load is the one from before.
    """
    return Machine(
        model=hardware.model(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=psutil.virtual_memory().total,
        os=f"{hardware.system()}, {platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        versions=versions(env),
        load_average=tuple(round(each, 2) for each in os.getloadavg()),
    )


def versions(env: Mapping[str, str]) -> dict[str, str]:
    """Return the versions of Redis, Kafka and MySQL; one that does not answer is left out."""
    asked: dict[str, tuple[str, Callable[[str], str]]] = {
        "redis": (env.get("REDIS_URL", ""), _redis),
        "kafka": (env.get("KAFKA_BOOTSTRAP_SERVERS", ""), _kafka),
        "mysql": (env.get("MYSQL_URL", ""), _mysql),
    }
    told = {}
    for name, (address, ask) in asked.items():
        with suppress(Exception):  # a version is worth no failed rehearsal
            if address and (version := ask(address)):
                told[name] = version
    return told


def _redis(url: str) -> str:
    import redis

    client = redis.Redis.from_url(
        node_urls(url)[0], socket_connect_timeout=_ASK_WITHIN_S, socket_timeout=_ASK_WITHIN_S, decode_responses=True
    )
    with closing(client):
        info = client.info("server")
        return f"{info['valkey_version']} (Valkey)" if "valkey_version" in info else str(info["redis_version"])


def _mysql(url: str) -> str:
    from functions.mysql import connect

    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        return str((cursor.fetchone() or ("",))[0])


def _kafka(servers: str) -> str:
    from ops.rehearse.plan import is_loopback

    is_ours = is_loopback(f"//{urlsplit('//' + servers.split(',')[0]).netloc}")
    return hardware.kafka_version() if is_ours else ""
