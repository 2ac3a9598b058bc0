"""Sales on a real Redis, and hands in their keys: what the tests of the scripts share."""

import itertools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from chalicelib.errors import Refused, StoreUnavailable
from chalicelib.sale.keys import SaleKeys, sale_keys, script_keys
from chalicelib.sale.model import Buyer, Sale, SalePlan, SaleSettings
from chalicelib.sale.outbox import Outbox
from chalicelib.sale.reader import SaleReader
from chalicelib.sale.redis_link import RedisLink, open_link
from chalicelib.sale.replies import words_of
from chalicelib.sale.scripts import script
from chalicelib.sale.store import SaleStore

Argument = str | bytes | int | float
Answer = TypeVar("Answer")
_numbers = itertools.count(1)
_READ: dict[bytes, Callable[[str], tuple[Argument, ...]]] = {
    b"hash": lambda key: ("HGETALL", key),
    b"zset": lambda key: ("ZRANGE", key, 0, -1, "WITHSCORES"),
    b"list": lambda key: ("LRANGE", key, 0, -1),
    b"stream": lambda key: ("XRANGE", key, "-", "+"),
}


def new_sale_id() -> str:
    """Return an id that no other test has."""
    return f"sale-{os.getpid()}-{next(_numbers)}"


@dataclass(frozen=True, slots=True)
class Sales:
    """Everything that acts on sales over one Redis, and ways to move their time."""

    link: RedisLink
    store: SaleStore = field(init=False)
    reader: SaleReader = field(init=False)
    outbox: Outbox = field(init=False)

    def __post_init__(self) -> None:
        for name, made in (("store", SaleStore), ("reader", SaleReader), ("outbox", Outbox)):
            object.__setattr__(self, name, made(self.link))

    def create(self, capacity: int = 10, seats: tuple[str, ...] = (), **settings: Any) -> str:
        """Create a sale, counted, or seated where seat ids are given; returns its id."""
        sale_id = new_sale_id()
        self.store.create_sale(SalePlan(sale_id, SaleSettings(**settings), len(seats) or capacity, seats))
        return sale_id

    def raw(self, name: str, sale_id: str, *arguments: Argument) -> list[Any]:
        """Run a script and return the words of its reply, bytes decoded; refusals are replies here."""
        reply = words_of(self.link.script(script(name), script_keys(sale_id, name), arguments))
        return [each.decode() if isinstance(each, bytes) else each for each in reply]

    def code(self, act: Any, *arguments: Any) -> str:
        """Call a method of the store and return the code of its refusal, or the state or answer as text."""
        try:
            answer = act(*arguments)
        except Refused as refused:
            return refused.code
        return answer.state if isinstance(answer, Buyer) else str(answer)

    def active(self, sale_id: str, *users: str) -> None:
        """Let buyers enter, and see that each is admitted at once."""
        for user in users:
            entered = self.store.enter_queue(sale_id, user)
            assert entered.state == "ACTIVE", entered

    def holding(self, sale_id: str, user: str, quantity: int = 1, seats: tuple[str, ...] = ()) -> str:
        """Let a buyer enter and reserve; returns the reservation's id."""
        self.active(sale_id, user)
        reservation = self.store.reserve(sale_id, user, quantity, seats).reservation
        assert reservation is not None
        return reservation.reservation_id

    def lapse(self, sale_id: str, *users: str) -> None:
        """Let the deadlines of these buyers, all by default, pass: their places and holds are a minute overdue."""
        keys = sale_keys(sale_id)
        for key in (keys.active, keys.holds):
            for user, score in self.scores(key).items():
                if user in users or not users:
                    claimed = ".5" if score % 1 else ""  # the half millisecond that marks a claimed place
                    self.link.command("ZADD", key, f"{self.now_ms() - 60_000}{claimed}", user)
                    self.put(sale_id, next_deadline_ms=1)  # a lower bound of all deadlines

    def age(self, sale_id: str, span_ms: int) -> None:
        """Make everything that the sale remembers so much older, as if that time had passed."""
        keys, now = sale_keys(sale_id), self.hash(sale_id)
        for key in (keys.active, keys.holds):
            for user in self.scores(key):
                self.link.command("ZINCRBY", key, -span_ms, user)
        times = ("next_deadline_ms", "tokens_at_ms", "pace_at_ms", "pace_from_ms")
        older = {name: int(float(now[name])) - span_ms for name in times if now.get(name)}
        if older:
            self.put(sale_id, **older)

    def scores(self, key: str) -> dict[str, float]:
        """Return a sorted set as it is."""
        flat = self.link.command("ZRANGE", key, 0, -1, "WITHSCORES")
        return {flat[i].decode(): float(flat[i + 1]) for i in range(0, len(flat), 2)}

    def put(self, sale_id: str, **values: Argument) -> None:
        """Overwrite fields of the sale's hash, past all rules."""
        self.link.command("HSET", sale_keys(sale_id).sale, *(word for pair in values.items() for word in pair))

    def hash(self, sale_id: str) -> dict[str, str]:
        """Return the sale's hash."""
        flat = [each.decode() for each in self.link.command("HGETALL", sale_keys(sale_id).sale)]
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def now_ms(self) -> int:
        """Return the time of Redis, which is the scripts'."""
        seconds, micros = self.link.transaction(("TIME",), ("EXISTS", "sales"))[0]
        return int(seconds) * 1000 + int(micros) // 1000

    def sale(self, sale_id: str) -> Sale:
        """Return the sale as a reader sees it."""
        return self.reader.sale(sale_id)

    def events(self, sale_id: str) -> list[str]:
        """Return the lines of the outbox, oldest first."""
        entries = self.link.command("XRANGE", sale_keys(sale_id).outbox, "-", "+")
        return [fields[1].decode() for _, fields in entries]

    def event_types(self, sale_id: str) -> list[str]:
        """Return the types of the events in the outbox, oldest first, without that of the creation."""
        return [line.split(" ")[0] for line in self.events(sale_id)][1:]

    def dump(self, sale_id: str) -> dict[str, Any]:
        """Return all keys of a sale; refused_* counters, which a repeat may raise, left out."""
        dumped: dict[str, Any] = {}
        for name in SaleKeys.__slots__:
            key = getattr(sale_keys(sale_id), name)
            kind = self.link.transaction(("TYPE", key))[0]
            if kind != b"none":
                dumped[name] = self.link.command(*_READ[kind](key))
        dumped["sale"] = {k: v for k, v in self.hash(sale_id).items() if not k.startswith("refused_")}
        return dumped


def open_sales(url: str, *, cluster: bool = False) -> Sales:
    """Open the sales of a server."""
    return Sales(open_link(url, cluster=cluster, connect_timeout_s=10, read_timeout_s=10))


def answered(act: Callable[[], Answer]) -> Answer:
    """Return what an act over a hasty link is answered: asked again where this machine was slower than the link."""
    give_up_s = time.monotonic() + 30
    while True:
        try:
            return act()
        except StoreUnavailable:
            if time.monotonic() > give_up_s:
                raise
            time.sleep(0.02)
