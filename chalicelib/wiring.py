"""The one place that joins settings to concrete classes. Everything is made on first use and kept by the process."""

from functools import cache
from typing import Protocol

from chalicelib.config import Settings, settings
from chalicelib.limits import Limiter
from chalicelib.rates import UNLIMITED
from chalicelib.sale.login import Login
from chalicelib.sale.outbox import Outbox
from chalicelib.sale.reader import SaleReader
from chalicelib.sale.redis_link import RedisLink, open_link
from chalicelib.sale.store import SaleStore


class LinkOpener(Protocol):
    """What makes a link; `redis_link.open_link` unless the process has been told another."""

    def __call__(
        self, url: str, *, cluster: bool, connect_timeout_s: float, read_timeout_s: float, login: Login | None = None
    ) -> RedisLink:
        """Return a link; nothing is connected before its first use."""


_open_link: LinkOpener = open_link


def open_links_by(opener: LinkOpener) -> None:
    """Let this process open its links by another opener; for a server that runs the app in its own way."""
    global _open_link
    _open_link = opener
    for made in (link, store, reader, outbox, limiter):
        made.cache_clear()


def redis_login(chosen: Settings) -> Login | None:
    """Return what logs in to the Redis of the settings; None where its URL says all there is."""
    return Login(chosen.redis_secret_arn, chosen.redis_url) if chosen.redis_secret_arn else None


@cache
def link() -> RedisLink:
    """Return the link to the Redis of the settings; nothing is connected before its first use."""
    chosen = settings()
    return _open_link(
        chosen.redis_url or "redis://127.0.0.1:6379",
        cluster=chosen.redis_cluster,
        connect_timeout_s=chosen.redis_connect_timeout_s,
        read_timeout_s=chosen.redis_read_timeout_s,
        login=redis_login(chosen),
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


@cache
def limiter() -> Limiter | None:
    """Return what slows who asks too often; None where nothing is limited."""
    rates = settings().limits
    return None if rates == UNLIMITED else Limiter(link(), rates)
