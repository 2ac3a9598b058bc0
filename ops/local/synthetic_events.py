"""Makes up a sale's events and feeds them to `persist` as Lambda would: for benchmarks and for the curious.

Half of the events are RESERVED and half the CONFIRMED that follow them a thousand later, of distinct buyers and seats.
"""

import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]
_LAG = 1_000  # buyers who hold a ticket and have not paid yet


def values(
    count: int, sale_id: str, epoch: int, *, seated: bool = True, paid: bool = True
) -> Iterator[tuple[str, bytes]]:
    """Yield (user id, event JSON) of `count` events with versions 1, 2, 3 …; RESERVED only unless `paid`."""
    version, started = 0, 0
    reserved: dict[int, str] = {}
    while version < count:
        buyer = started
        for number, kind in ((buyer, "RESERVED"), (buyer - _LAG, "CONFIRMED")):
            if number < 0 or version == count or (kind == "CONFIRMED" and not paid):
                continue
            version += 1
            reserved.setdefault(number, f"{epoch}-{version}")
            fields: dict[str, object] = {
                "schema": 1,
                "saleId": sale_id,
                "epoch": epoch,
                "version": version,
                "type": kind,
                "at": time.time_ns() // 1_000_000,
                "userId": f"auth0|5f{number:012x}",
                "reservationId": reserved[number],
                "quantity": 1,
            }
            if seated:
                fields["seatIds"] = [f"{number // 100}-{number % 100}"]
            if kind == "CONFIRMED":
                fields["paymentId"] = f"pay_{number}"
                del reserved[number]
            else:
                fields["deadline"] = time.time_ns() // 1_000_000 + 300_000
            yield str(fields["userId"]), json.dumps(fields, separators=(",", ":")).encode()
        started += 1


def lambda_events(
    count: int, batch_size: int, sale_id: str, epoch: int, *, seated: bool = True, paid: bool = True
) -> Iterator[dict[str, Any]]:
    """Yield the events that a poller of one partition would deliver for `values`."""
    topic, offset = "reservation-events", 0
    source = values(count, sale_id, epoch, seated=seated, paid=paid)
    while batch := list(islice(source, batch_size)):
        rows = []
        for user_id, value in batch:
            version = str(offset + 1).encode()
            headers = {"sale": sale_id.encode(), "epoch": str(epoch).encode(), "version": version}
            rows.append(
                {
                    "topic": topic,
                    "partition": 0,
                    "offset": offset,
                    "timestamp": time.time_ns() // 1_000_000,
                    "timestampType": "CREATE_TIME",
                    "key": b64encode(f"{sale_id}:{user_id}".encode()).decode(),
                    "value": b64encode(value).decode(),
                    "headers": [{name: list(header)} for name, header in headers.items()],
                }
            )
            offset += 1
        yield {"eventSource": "SelfManagedKafka", "bootstrapServers": "", "records": {f"{topic}-0": rows}}


def feed(
    handler: Handler, count: int, *, batch_size: int = 500, sale_id: str = "bench", epoch: int = 1, paid: bool = True
) -> float:
    """Deliver `count` made-up events and return the seconds the handler took for them, all batches together.

    Raises RuntimeError when a batch is not wholly written. Uses the MYSQL_URL of the settings, through the handler.
    """
    taken_s = 0.0
    for event in lambda_events(count, batch_size, sale_id, epoch, paid=paid):
        started_s = time.perf_counter()
        answer = handler(event, None)
        taken_s += time.perf_counter() - started_s
        if answer["batchItemFailures"]:
            raise RuntimeError(f"not written: {answer['batchItemFailures']}")
    return taken_s
