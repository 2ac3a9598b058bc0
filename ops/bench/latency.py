"""How long a running stack takes for what nobody asks it for: admitting the next buyer, and telling Kafka of a sale.

One buyer after another: each takes a ticket, which frees the only place, and the next is admitted. The pauses between
are random, so that neither the promotions nor the relay's looks fall into step with them.
"""

import asyncio
import random
import threading
import time
from datetime import datetime
from statistics import median
from types import TracebackType

from confluent_kafka import Consumer, TopicPartition

from chalicelib.config import settings
from chalicelib.sale.keys import sale_keys
from chalicelib.wiring import link
from functions.kafka_client import client_config
from ops import environment
from ops.bench.figures import Figure
from ops.demo.client import SaleClient
from ops.demo.figures import Figures
from ops.local.stack import private_stack
from ops.local.topology import EVERYTHING
from ops.operation import operate

_SALE = "latency"
_ROUNDS = 50
_CLAIM_MS = 60_000
_LONGEST_PAUSE_S = 0.25
_WAIT_S = 15.0


def measure() -> list[Figure]:
    """Sell one ticket after another, and time what each sale sets off."""
    with private_stack(only=tuple(name for name in EVERYTHING if name != "sale")) as stack:
        environment.point_at(stack.env)
        line = {"maxActive": 1, "admitPerSecond": 0, "claimSeconds": _CLAIM_MS / 1000}
        operate("sale.create", saleId=_SALE, capacity=2 * _ROUNDS, **line)
        with _Arrivals() as arrivals:
            admitted_ms, answered_s = asyncio.run(_sell(stack.env["ONSALE_URL"]))
            on_kafka_s = arrivals.after(answered_s)
    return [
        Figure("a place is free until the next is admitted, median", median(admitted_ms) / 1000, "s"),
        Figure(
            "a place is free until the next is admitted, worst", max(admitted_ms) / 1000, "s", target=0.5, at_most=True
        ),
        Figure("an answer until its event is on Kafka, median", median(on_kafka_s), "s", target=0.1, at_most=True),
        Figure("an answer until its event is on Kafka, worst", max(on_kafka_s), "s"),
    ]


async def _sell(url: str) -> tuple[list[int], dict[str, float]]:
    """Return the ms until each admission, and when each buyer was answered on the monotonic clock."""
    chance = random.Random(_ROUNDS)  # noqa: S311
    client = SaleClient(url, _SALE, Figures(), connections=1)
    admitted_ms: list[int] = []
    answered_s: dict[str, float] = {}
    try:
        for number in range(_ROUNDS + 1):
            await client.enter(_buyer(number))
        for number in range(_ROUNDS):
            await asyncio.sleep(chance.uniform(0, _LONGEST_PAUSE_S))
            await client.status(_buyer(number))
            answer = await client.reserve(_buyer(number))
            answered_s[_buyer(number)] = time.monotonic()
            if not answer.ok:
                raise RuntimeError(f"{_buyer(number)} could not reserve: {answer.code}")
            admitted_ms.append(await _admission_ms(_buyer(number + 1)) - _ms(answer.body["now"]))
    finally:
        await client.close()
    return admitted_ms, answered_s


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def _buyer(number: int) -> str:
    return f"buyer-{number}"


async def _admission_ms(user_id: str) -> int:
    """Wait until a buyer is admitted and return when that was, by Redis' clock: an unclaimed place tells it."""
    give_up_s = time.monotonic() + _WAIT_S
    while True:
        deadline = link().command("ZSCORE", sale_keys(_SALE).active, user_id)
        if deadline is not None:
            return int(deadline) - _CLAIM_MS
        if time.monotonic() > give_up_s:
            raise RuntimeError(f"{user_id} was not admitted within {_WAIT_S:g} s")
        await asyncio.sleep(0.01)


class _Arrivals:
    """Reads the topic in a thread, and notes when it sees each buyer's event for the first time."""

    def __init__(self) -> None:
        self._seen_s: dict[str, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "_Arrivals":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def after(self, answered_s: dict[str, float]) -> list[float]:
        """Return the seconds from each buyer's answer until the event could be read; 0 where it was there first."""
        give_up_s = time.monotonic() + _WAIT_S
        while missing := answered_s.keys() - self._seen_s.keys():
            if time.monotonic() > give_up_s:
                raise RuntimeError(f"{len(missing)} events are not on Kafka {_WAIT_S:g} s after the last answer")
            time.sleep(0.05)
        return [max(0.0, self._seen_s[user_id] - at_s) for user_id, at_s in answered_s.items()]

    def _read(self) -> None:
        topic = settings().kafka_topic
        consumer = Consumer({**client_config(settings()), "group.id": "onsale-bench", "fetch.wait.max.ms": 10})
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        while not self._stopping.is_set():
            for message in consumer.consume(100, timeout=0.005):
                key = message.key()
                if not message.error() and isinstance(key, bytes):
                    self._seen_s.setdefault(key.decode().partition(":")[2], time.monotonic())
        consumer.close()
