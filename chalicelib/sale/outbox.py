"""The outbox of a sale: the events that are not on Kafka yet, read by the relay through one consumer group."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from chalicelib.events import encode
from chalicelib.sale.keys import sale_keys
from chalicelib.sale.redis_link import RedisLink

GROUP = "relay"


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One event: its id is EPOCH-VERSION, `value` the JSON that goes to Kafka, `user_id` empty for the sale's own."""

    entry_id: str
    epoch: int
    version: int
    user_id: str
    value: bytes


class Outbox:
    """Reads and empties outboxes. Raises StoreUnavailable. A sale without an outbox reads as empty."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    def read(self, sale_id: str, consumer: str, count: int) -> list[OutboxEntry]:
        """Take up to `count` events that no consumer has been given yet; they are this consumer's until forgotten."""
        key = sale_keys(sale_id).outbox
        reply = self._in_group(key, "XREADGROUP", "GROUP", GROUP, consumer, "COUNT", count, "STREAMS", key, ">")
        return [] if not reply else _entries(sale_id, reply[0][1])

    def claim(self, sale_id: str, consumer: str, min_idle_ms: int, count: int) -> list[OutboxEntry]:
        """Take over events that some consumer was given `min_idle_ms` ago or more and has not forgotten."""
        key = sale_keys(sale_id).outbox
        reply = self._in_group(key, "XAUTOCLAIM", key, GROUP, consumer, min_idle_ms, "0-0", "COUNT", count)
        return [] if not reply else _entries(sale_id, reply[1])

    def forget(self, sale_id: str, entry_ids: Sequence[str]) -> None:
        """Remove events that Kafka has. Deleted before acknowledged: an entry that is neither pending nor new would
        stay for ever, and admission stops while the outbox is long."""
        if entry_ids:
            key = sale_keys(sale_id).outbox
            self._link.transaction(("XDEL", key, *entry_ids), ("XACK", key, GROUP, *entry_ids))

    def length(self, sale_id: str) -> int:
        """Return how many events wait."""
        return int(self._link.command("XLEN", sale_keys(sale_id).outbox))

    def oldest_ms(self, sale_id: str) -> int | None:
        """Return when the oldest event that waits happened; None where none waits, or it is none that can be read."""
        for entry in self.entries(sale_id, 1):
            try:
                return int(json.loads(entry.value)["at"])
            except (ValueError, KeyError, TypeError):
                continue
        return None

    def entries(self, sale_id: str, count: int = 10_000) -> list[OutboxEntry]:
        """Return the oldest events that wait, without taking them."""
        return _entries(sale_id, self._link.command("XRANGE", sale_keys(sale_id).outbox, "-", "+", "COUNT", count))

    def _in_group(self, key: str, *words: str | int) -> Any:
        try:
            return self._link.command(*words)
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
        # create_sale made the group; it is gone when the stream was lost, and an id may have no sale yet.
        if not self._link.command("EXISTS", key):
            return None
        try:
            self._link.command("XGROUP", "CREATE", key, GROUP, "0")
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        return self._link.command(*words)


def _entries(sale_id: str, reply: list[Any]) -> list[OutboxEntry]:
    entries = []
    for entry_id, fields in reply:
        if fields is None:  # deleted since it was given out
            continue
        epoch, version = (int(part) for part in entry_id.split(b"-"))
        try:
            user_id, value = encode(sale_id, epoch, version, fields[1].decode())
        except (ValueError, KeyError):  # no line of ours: a consumer will quarantine it, and nothing waits behind it
            user_id, value = "", fields[1]
        entries.append(OutboxEntry(entry_id.decode(), epoch, version, user_id, value))
    return entries
