"""Where the servers of a stack are: which are given by URL, and which ports the others get."""

from collections.abc import Callable, Mapping, Sequence

from ops.local import ports
from ops.local.home import State
from ops.local.program import StartFailed

SERVERS = ("redis", "mysql", "kafka", "aws")
URL_OF = {
    "redis": "REDIS_URL",
    "mysql": "MYSQL_URL",
    "kafka": "KAFKA_BOOTSTRAP_SERVERS",
    "aws": "AWS_ENDPOINT_URL",
}
PORT_OF = {
    "redis": "ONSALE_REDIS_PORT",
    "mysql": "ONSALE_MYSQL_PORT",
    "kafka": "ONSALE_KAFKA_PORT",
    "aws": "ONSALE_AWS_PORT",
    "gateway": "ONSALE_PORT",
    "metrics": "ONSALE_METRICS_PORT",
    "prometheus": "ONSALE_PROMETHEUS_PORT",
}
DEFAULT_PORTS = {
    "redis": 6379,
    "mysql": 3306,
    "kafka": 9092,
    "aws": 4566,
    "gateway": 8000,
    "metrics": 9464,
    "prometheus": 9090,
}
REAL_AWS = ("SNS_TOPIC_ARN", "SES_FROM")
Announce = Callable[[str], None]

_RELEASE_S = 3.0
_CONTROLLER = "kafka-controller"  # Kafka's second port, which nobody else needs to know


def given(wanted: Mapping[str, str], state: State) -> dict[str, str]:
    """Return the URLs of servers that somebody else runs: those that are set, and not by an earlier `up`.

    A topic or a sender of one's own means AWS itself, which needs no URL.
    """
    theirs = {name: text for name, text in wanted.items() if text and text != state.own.get(name)}
    urls = {name: theirs[variable] for name, variable in URL_OF.items() if variable in theirs}
    if any(name in theirs for name in REAL_AWS):
        urls.setdefault("aws", "")
    return urls


def choose_ports(
    names: Sequence[str],
    asked: Mapping[str, str],
    state: State,
    running: Mapping[str, int],
    announce: Announce,
) -> dict[str, int]:
    """Return a port for each name: the one asked for, else the last one, else the default, else any that is free.

    `running` has the ports of what runs already. Raises StartFailed if one that was asked for is taken.
    """
    chosen: dict[str, int] = {}
    for name in names:
        explicit = PORT_OF[name] in asked
        last = running.get(name) or state.ports.get(name) or DEFAULT_PORTS[name]
        wish = int(asked[PORT_OF[name]]) if explicit else last
        # Who had the port last was of this stack, and may be dying still.
        patience_s = _RELEASE_S if state.ports.get(name) == wish else 0
        if running.get(name) == wish or (wish not in chosen.values() and ports.becomes_free(wish, patience_s)):
            chosen[name] = wish
        elif explicit:
            raise StartFailed(f"{PORT_OF[name]}={wish}", "cannot be used: something else listens on that port")
        else:
            (chosen[name],) = ports.free_ports(1)
            announce(f"port {wish} is taken, so {name} gets {chosen[name]}")
    if "kafka" in names:
        last = state.ports.get(_CONTROLLER, 0)
        keep = last and ("kafka" in running or ports.is_free(last))
        chosen[_CONTROLLER] = last if keep else ports.free_ports(1)[0]
    return chosen
