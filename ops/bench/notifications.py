"""From a Lambda event to the providers: `notify` beside bare calls of the same emulator, as many at a time.

The emulator is moto on this machine, a Python program: how fast a provider takes messages is what it says, so the ratio
is what counts.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import boto3
from botocore.config import Config

from chalicelib.config import settings
from chalicelib.sale.model import SalePlan, SaleSettings
from chalicelib.sale.redis_link import RedisLink
from chalicelib.sale.store import SaleStore
from functions import notify
from functions.notify_providers import SENDERS
from ops import environment
from ops.bench import sales
from ops.bench.figures import Figure
from ops.local.stack import private_stack
from ops.local.synthetic_events import lambda_events

_ROUNDS = 3
_EVENTS, _BATCH = 200, 100
_CONTACT = {"email": "ann@buyers.example", "phone": "+821012345678", "language": "ko"}


class _Context:
    """What `notify` asks of its invocation."""

    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def measure() -> list[Figure]:
    """Return the messages per second to the topic alone and over all channels, in turn with the bare calls."""
    needed = ("redis", "mysql", "kafka", "aws", "topics", "tables")
    with private_stack(only=needed) as stack:
        environment.point_at(stack.env)
        logging.getLogger("onsale.notify").setLevel(logging.WARNING)  # a line per batch would bury the figures
        redis = sales.link(stack.env["REDIS_URL"])
        seen = [
            (_bare(), _told(redis, f"quiet-{n}", contact=False), _told(redis, f"loud-{n}", contact=True))
            for n in range(_ROUNDS)
        ]
    bare, quiet, loud = (median(values) for values in zip(*seen, strict=True))
    note = f"{_EVENTS} events in batches of {_BATCH}, {SENDERS} on their way at a time; each kept in Redis and MySQL"
    return [
        Figure("notify, the topic alone", quiet, "messages/s", bare, "bare SNS publish", note=note),
        Figure("notify, topic, e-mail and SMS", loud, "messages/s", bare, "bare SNS publish"),
    ]


def _bare() -> float:
    of = settings()
    config = Config(max_pool_connections=SENDERS, retries={"total_max_attempts": 1})
    sns = boto3.client("sns", region_name=of.region, endpoint_url=of.aws_endpoint_url, config=config)
    message = json.dumps({"saleId": "bare", "type": "RESERVED", "userId": "auth0|5f00"})

    def publish(_: int) -> None:
        sns.publish(TopicArn=of.sns_topic_arn, Message=message)

    return _EVENTS / _side_by_side(publish, range(_EVENTS))


def _side_by_side(do: Callable[[int], None], numbers: Sequence[int]) -> float:
    with ThreadPoolExecutor(SENDERS) as threads:
        list(threads.map(do, range(SENDERS)))  # connections
        started_s = time.perf_counter()
        list(threads.map(do, numbers))
        return time.perf_counter() - started_s


def _told(redis: RedisLink, sale_id: str, *, contact: bool) -> float:
    SaleStore(redis).create_sale(SalePlan(sale_id, SaleSettings(name="Bench"), capacity=_EVENTS))
    events = list(lambda_events(_EVENTS, _BATCH, sale_id, 1, seated=False, paid=False))
    if contact:
        for number in range(_EVENTS):
            user_id = f"auth0|5f{number:012x}"
            SaleStore(redis).enter_queue(sale_id, user_id)
            SaleStore(redis).put_contact(sale_id, user_id, json.dumps(_CONTACT))
    started_s = time.perf_counter()
    for event in events:
        if notify.handler(event, _Context())["batchItemFailures"]:
            raise RuntimeError("notify left records untold")
    return _EVENTS * (3 if contact else 1) / (time.perf_counter() - started_s)
