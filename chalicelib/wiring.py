"""The one place that joins settings to concrete classes. Everything is made on first use and kept by the process."""

from functools import cache

from chalicelib.config import settings
from chalicelib.sale.outbox import Outbox
from chalicelib.sale.reader import SaleReader
from chalicelib.sale.redis_link import RedisLink, open_link
from chalicelib.sale.store import SaleStore


@cache
def link() -> RedisLink:
    """Return the link to the Redis of the settings; nothing is connected before its first use."""
    chosen = settings()
    return open_link(
        chosen.redis_url or "redis://127.0.0.1:6379",
        cluster=chosen.redis_cluster,
        connect_timeout_s=chosen.redis_connect_timeout_s,
        read_timeout_s=chosen.redis_read_timeout_s,
    )


@cache
def store() -> SaleStore:
    """Return what acts on sales."""
    return SaleStore(link())


@cache
def reader() -> SaleReader:
    """Return what reads sales."""
    return SaleReader(link())


@cache
def outbox() -> Outbox:
    """Return what empties outboxes."""
    return Outbox(link())
