"""From the outbox to Kafka: the relay's own passes beside the bare producer with the same records."""

import time
from statistics import median

from confluent_kafka import Producer

from chalicelib.config import settings
from chalicelib.sale.keys import sale_keys
from chalicelib.sale.redis_link import RedisLink
from chalicelib.wiring import outbox
from functions.dead_letter_queue import dead_letter_queue
from functions.kafka_client import client_config
from functions.outbox_relay import Relay
from functions.producer import ReliableProducer
from ops import environment
from ops.bench import sales
from ops.bench.figures import Figure
from ops.local.stack import private_stack

_ROUNDS = 3
_EVENTS = 10_000  # what an outbox may hold before admission stops
_BARE = {"acks": "all", "enable.idempotence": True, "compression.type": "zstd", "linger.ms": 1, "log_level": 0}
_Record = tuple[bytes, bytes]


def measure() -> list[Figure]:
    """Return the events per second of both, an outbox of its own for each round, in turn."""
    ours, bare = [], []
    with private_stack(only=("redis", "kafka", "topics")) as stack:
        environment.point_at(stack.env)
        redis = sales.link(stack.env["REDIS_URL"])
        producer = ReliableProducer(client_config(settings()))
        relay = Relay(outbox(), producer, dead_letter_queue("relay"), settings().kafka_topic, "bench")
        bare_producer = Producer(
            {**client_config(settings()), "acks": "all", "enable.idempotence": True, "log_level": 0}
        )
        for number in range(_ROUNDS + 1):  # the first is for connections and the broker's own warming up
            sale_id = f"relayed-{number}"
            records = _fill(redis, sale_id)
            rates = _bare(bare_producer, records), _relayed(relay, sale_id)
            if number:
                bare.append(rates[0])
                ours.append(rates[1])
        producer.close()
    note = f"{_EVENTS:,} events of one sale, read from Redis, stored by Kafka and taken out of Redis"
    return [Figure("relay", median(ours), "events/s", median(bare), "a bare producer", note=note)]


def _fill(redis: RedisLink, sale_id: str) -> list[_Record]:
    """Put a sale's reservations into its outbox, as `reserve` does; returns what the relay will make of them."""
    sales.create_active(redis, sale_id, buyers=_EVENTS, payment="none")
    users = ([str(number), "1", ""] for number in range(1, _EVENTS + 1))
    sales.call(redis, sale_id, "reserve", users)
    redis.command("XTRIM", sale_keys(sale_id).outbox, "MAXLEN", _EVENTS)  # without the sale's own event
    entries = outbox().entries(sale_id)
    return [(f"{sale_id}:{each.user_id}".encode(), each.value) for each in entries]


def _bare(producer: Producer, records: list[_Record]) -> float:
    topic = settings().kafka_topic
    started_s = time.perf_counter()
    for key, value in records:
        while True:
            try:
                producer.produce(topic, key=key, value=value)
                break
            except BufferError:
                producer.poll(0.05)
    left = producer.flush(60)
    if left:
        raise RuntimeError(f"Kafka did not store {left} records in a minute")
    return len(records) / (time.perf_counter() - started_s)


def _relayed(relay: Relay, sale_id: str) -> float:
    sent = 0
    started_s = time.perf_counter()
    while sent < _EVENTS:
        done = relay.relay_once([sale_id])
        if done.unsent or not done.sent:
            raise RuntimeError(f"{sent} of {_EVENTS} events relayed, then: {done}")
        sent += done.sent
    relay.relay_once([sale_id])  # the last ones are forgotten with the next look
    return sent / (time.perf_counter() - started_s)
