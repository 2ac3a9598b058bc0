"""The URL of a Redis, which may name several nodes of a cluster: `redis://user:password@a:6379,b:6379/0`."""

from urllib.parse import urlsplit


def node_urls(url: str) -> list[str]:
    """Return one URL for each node that is named; a socket is one."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return [url]  # as it is: putting a socket's URL together again loses slashes
    return [parts._replace(netloc=f"{user}{at}{host}").geturl() for host in hosts.split(",")]


def at_node(url: str, host: str, port: int) -> str:
    """Return the URL of another node: scheme, user and password are the same for all."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    shown = f"[{host}]" if ":" in host else host
    return parts._replace(netloc=f"{user}{at}{shown}:{port}").geturl()
