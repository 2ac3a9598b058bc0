"""`notify` as `onsale up` runs it: a process at the event source that is killed in the middle, and a replay."""

import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from chalicelib.config import Settings
from functions.kafka_batch import REPLAY_TO
from functions.notify_channels import CHANNELS
from functions.producer import OutgoingRecord, ReliableProducer
from ops.local import aws
from tests.conftest import Eventually
from tests.functions.batches import ReadTopic, Tables, as_value
from tests.functions.deliveries import headers_of
from tests.functions.notifying import EMAIL, PHONE, Desk
from tests.functions.provider_gate import CUT, Call, Gate, Refusal

PROJECT = Path(__file__).parents[2]
TIMEOUT_S = 6  # a mark that a killed process has left ends no later
Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(
    desk: Desk, kafka_settings: Settings, own_database: str, tmp_path: Path, eventually: Eventually
) -> Iterator[Start]:
    """Start notify's event source, and wait until it serves. Its function has a shorter time than the template's."""
    (tmp_path / "log").touch()
    template = (PROJECT / "template.yaml").read_text()
    head, _, tail = template.partition("Handler: functions.notify.handler")
    tail = tail.replace("Timeout: 60", f"Timeout: {TIMEOUT_S}", 1)
    head = head.replace("CodeUri: .", f"CodeUri: {PROJECT}")
    (tmp_path / "template.yaml").write_text(f"{head}Handler: functions.notify.handler{tail}")
    running: list[subprocess.Popen[bytes]] = []

    def run() -> "subprocess.Popen[bytes]":
        ready = tmp_path / f"ready-{len(running)}"
        given = {name: text for name, text in aws.settings(0).items() if name != aws.ENDPOINT}
        env = {
            **os.environ,
            **given,
            "AWS_ENDPOINT_URL": desk.settings.aws_endpoint_url,
            "REDIS_URL": desk.settings.redis_url,
            "MYSQL_URL": own_database,
            "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.kafka_bootstrap_servers,
            "KAFKA_TOPIC": kafka_settings.kafka_topic,
            "KAFKA_DLQ_TOPIC": kafka_settings.kafka_dlq_topic,
            "KAFKA_NOTIFY_DLQ_TOPIC": kafka_settings.kafka_notify_dlq_topic,
            "ONSALE_READY_FILE": str(ready),
            "PYTHONPATH": str(PROJECT),
        }
        words = ["--template", str(tmp_path / "template.yaml"), "--stack-name", kafka_settings.kafka_topic]
        command = [sys.executable, "-m", "ops.local.event_source", "Notify", *words]
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=PROJECT, env=env, stdout=log, stderr=log)
        running.append(process)
        eventually(lambda: ready.exists() or process.poll() is not None)
        assert process.poll() is None, (tmp_path / "log").read_text()
        return process

    yield run
    for process in running:
        process.kill()
        process.wait()
    written = (tmp_path / "log").read_text()
    assert EMAIL not in written
    assert PHONE not in written


def put(producer: ReliableProducer, topic: str, *events: dict[str, Any]) -> None:
    records = [OutgoingRecord(topic, f"{e['saleId']}:{e['userId']}".encode(), as_value(e)) for e in events]
    assert producer.send(records) == [None] * len(records)


def test_killed_in_the_middle_each_message_goes_out_once(
    start: Start,
    desk: Desk,
    gate: Gate,
    tables: Tables,
    kafka_settings: Settings,
    producer: ReliableProducer,
    eventually: Eventually,
) -> None:
    users = [f"u{n}" for n in range(12)]
    for user in users:
        desk.has_contact(user)
    killed, one_at_a_time, numbers = threading.Event(), threading.Lock(), itertools.count()
    processes: list[subprocess.Popen[bytes]] = []

    def kill_at_the_seventeenth(_: Call) -> Refusal | None:
        if killed.is_set() or next(numbers) < 16:
            return None
        with one_at_a_time:  # those before it are taken and known to be so: the rest is the hole that no test closes
            if not killed.is_set():
                eventually(lambda: completed(desk, 12) == 16)
                processes[0].kill()
                processes[0].wait()
                killed.set()
        return CUT  # the provider never had this one

    gate.rule = kill_at_the_seventeenth
    processes.append(start())
    put(producer, kafka_settings.kafka_topic, *(desk.event(n, user=user) for n, user in enumerate(users, 1)))
    eventually(killed.is_set)
    assert len(gate.taken) == 16

    start()
    eventually(lambda: tables.rows("SELECT COUNT(*) FROM notifications") == [(36,)])

    assert {channel: len(gate.to(channel)) for channel in CHANNELS} == {"topic": 12, "email": 12, "sms": 12}


def completed(desk: Desk, versions: int) -> int:
    """Return how many messages about the first versions of a sale are known to have been sent."""
    names = [f"{desk.sale_id} 100-{version} {channel}" for version in range(1, versions + 1) for channel in CHANNELS]
    keys = [f"notified#{sha256(json.dumps(name).encode()).hexdigest()}" for name in names]
    return sum(b'"COMPLETED"' in (desk.link.command("GET", key) or b"") for key in keys)


def test_a_dead_letter_of_notify_is_replayed_to_notify_alone(
    start: Start,
    desk: Desk,
    gate: Gate,
    kafka_settings: Settings,
    producer: ReliableProducer,
    read_topic: ReadTopic,
    eventually: Eventually,
) -> None:
    desk.has_contact()
    refused = Refusal(400, "MessageRejected", f"Address {EMAIL} is on the suppression list")
    gate.rule = lambda call: refused if call.channel == "email" else None
    start()
    put(producer, kafka_settings.kafka_topic, desk.event(1))
    eventually(lambda: len(read_topic(kafka_settings.kafka_notify_dlq_topic)) == 1)
    gate.rule = lambda _: None
    (letter,) = read_topic(kafka_settings.kafka_notify_dlq_topic)
    assert EMAIL not in repr(letter.headers())

    kept = tuple(pair for pair in headers_of(letter) if not pair[0].startswith("dlq-"))
    topic = kafka_settings.kafka_topic
    producer.send([OutgoingRecord(topic, letter.key(), letter.value(), (*kept, (REPLAY_TO, b"notify")))])

    eventually(lambda: gate.to("email") == [EMAIL])
    assert (len(gate.to("topic")), len(gate.to("sms"))) == (1, 1)
    assert read_topic(kafka_settings.kafka_dlq_topic) == []
