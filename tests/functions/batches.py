"""Batches as Lambda delivers them, and what the tests look at: the tables, the dead letters, the topics."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import Message

from functions.dead_letter_queue import DeadLetter, DeadLetterQueue
from functions.kafka_batch import KafkaRecord, records
from functions.mysql import connect
from ops.local.event_source.lambda_event import Message as KafkaMessage
from ops.local.event_source.lambda_event import lambda_event
from ops.local.event_source.mapping import SELF_MANAGED, EventSourceMapping

TABLES = (
    "sales",
    "sale_events",
    "purchases",
    "seats",
    "refunds",
    "sale_minutes",
    "seen",
    "dead_letters",
    "notifications",
)
Persist = Callable[..., list[KafkaRecord]]
ReadTopic = Callable[[str], list[Message]]


class Tables:
    """Looks into the database with a connection of its own."""

    def __init__(self, url: str) -> None:
        self._connection = connect(url)
        self._connection.autocommit(True)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return all rows of all tables, in the order of their keys."""
        return {table: sorted(self.rows(f"SELECT * FROM {table}"), key=repr) for table in TABLES}

    def clear(self) -> None:
        """Delete all rows."""
        for table in TABLES:
            self.rows(f"DELETE FROM {table}")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class Letters(DeadLetterQueue):
    """Keeps dead letters instead of writing them."""

    def __init__(self) -> None:
        self.kept: list[DeadLetter] = []
        self.away = False

    def put(self, letters: Sequence[DeadLetter]) -> list[bool]:
        """Keep letters, or none of them when away."""
        if self.away:
            return [False] * len(letters)
        self.kept += letters
        return [True] * len(letters)

    @property
    def reasons(self) -> list[str]:
        """Why each letter is dead."""
        return [letter.reason for letter in self.kept]


def an_event(version: int, type: str = "RESERVED", user: str = "bob", **fields: Any) -> dict[str, Any]:
    """Return an event: a reservation of one unit, unless told otherwise; a field given as None is left out."""
    event: dict[str, Any] = {"schema": 1, "saleId": "s", "epoch": 100, "version": version, "type": type, "at": 1000}
    if type in ("SALE_CREATED", "SALE_CHANGED"):
        event |= {"capacity": 10, "seated": False, "rows": 0, "seatsPerRow": 0, "settings": {"name": "A sale"}}
    else:
        event |= {"userId": user, "reservationId": f"100-{version}"}
        event |= {"paymentId": "p1", "reason": "cancelled"} if type == "REFUND_DUE" else {"quantity": 1}
        event |= {"deadline": 9000} if type == "RESERVED" else {}
    event |= fields
    return {name: value for name, value in event.items() if value is not None}


def as_value(event: dict[str, Any] | bytes | None) -> bytes | None:
    """Return what stands on Kafka."""
    return json.dumps(event, separators=(",", ":")).encode() if isinstance(event, dict) else event


def a_batch(*events: dict[str, Any] | bytes | None, partition: int = 0, offset: int = 0) -> list[KafkaRecord]:
    """Return events as records of one partition, by way of the JSON that Lambda delivers."""
    mapping = EventSourceMapping("m", SELF_MANAGED, "", "", "t", "g", "TRIM_HORIZON", 100, 0, True)
    messages = [
        KafkaMessage("t", partition, offset + n, 1, "CREATE_TIME", b"s:bob", as_value(event), (("sale", b"s"),))
        for n, event in enumerate(events)
    ]
    return records(json.loads(json.dumps(lambda_event(mapping, "h:1", messages))))
