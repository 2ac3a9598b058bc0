"""The event source as `onsale up` runs it: a process, a template, signals, and the real `persist` at its end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from chalicelib.config import Settings
from functions.producer import OutgoingRecord, ReliableProducer
from tests.conftest import Eventually
from tests.functions.batches import ReadTopic, Tables, an_event, as_value

PROJECT = Path(__file__).parents[2]
TEMPLATE = """
Resources:
  Toy:
    Type: AWS::Serverless::Function
    Properties:
      Handler: toy.handler
      Timeout: 30
      Events:
        Records:
          Type: SelfManagedKafka
          Properties:
            Topics: [!Ref KafkaTopic]
            ConsumerGroupId: !Sub "${AWS::StackName}-${KafkaTopic}"
            MaximumBatchingWindowInSeconds: 0
            FunctionResponseTypes: [ReportBatchItemFailures]
"""

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(kafka_settings: Settings, own_database: str, tmp_path: Path, eventually: Eventually) -> Iterator[Start]:
    """Start an event source process, and wait until it serves."""
    running: list[subprocess.Popen[bytes]] = []

    def run(*words: str, folder: Path = PROJECT, **settings: str) -> "subprocess.Popen[bytes]":
        ready = tmp_path / f"ready-{len(running)}"
        env = {
            **os.environ,
            "MYSQL_URL": own_database,
            "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.kafka_bootstrap_servers,
            "KAFKA_TOPIC": kafka_settings.kafka_topic,
            "KAFKA_DLQ_TOPIC": kafka_settings.kafka_dlq_topic,
            "ONSALE_READY_FILE": str(ready),
            "PYTHONPATH": str(PROJECT),
            **settings,
        }
        # A group of its own: one whose members were killed takes seconds before it serves anybody.
        command = [sys.executable, "-m", "ops.local.event_source", "--stack-name", kafka_settings.kafka_topic, *words]
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
        running.append(process)
        eventually(lambda: ready.exists() or process.poll() is not None)
        return process

    yield run
    for process in running:
        process.kill()
        process.wait()


def _toy(folder: Path, code: str, properties: str = "") -> None:
    (folder / "template.yaml").write_text(TEMPLATE + properties, encoding="utf-8")
    (folder / "toy.py").write_text(
        f"import pathlib, time\nHERE = pathlib.Path({str(folder)!r})\n{code}", encoding="utf-8"
    )


def test_persist_is_served_from_the_projects_own_template(
    start: Start,
    kafka_settings: Settings,
    producer: ReliableProducer,
    tables: Tables,
    read_topic: ReadTopic,
    eventually: Eventually,
) -> None:
    start("Persist")
    events = [an_event(n, user=f"u{n}", seatIds=[f"A-{n}"]) for n in range(1, 201)]
    topic = kafka_settings.kafka_topic

    producer.send([OutgoingRecord(topic, f"s:{event['userId']}".encode(), as_value(event)) for event in events])
    producer.send([OutgoingRecord(topic, b"s:", b"poison")])

    eventually(lambda: tables.rows("SELECT COUNT(*) FROM purchases") == [(200,)])
    eventually(lambda: len(read_topic(kafka_settings.kafka_dlq_topic)) == 1)


def test_kill_9_in_the_middle_loses_nothing(
    start: Start, kafka_settings: Settings, producer: ReliableProducer, tables: Tables, eventually: Eventually
) -> None:
    process = start("Persist")
    records = [
        OutgoingRecord(kafka_settings.kafka_topic, f"s:u{n}".encode(), as_value(an_event(n, user=f"u{n}")))
        for n in range(1, 5_001)
    ]
    producer.send(records)
    eventually(lambda: tables.rows("SELECT COUNT(*) > 0 FROM purchases") == [(1,)])

    process.kill()
    process.wait()
    start("Persist")

    eventually(lambda: tables.rows("SELECT COUNT(*) FROM purchases") == [(5_000,)])
    assert tables.rows("SELECT COUNT(*) FROM sale_events") == [(5_000,)]


def test_sigterm_lets_the_batch_finish_and_commits_it(
    start: Start, kafka_settings: Settings, producer: ReliableProducer, tmp_path: Path, eventually: Eventually
) -> None:
    code = """
def handler(event, context):
    with (HERE / "seen").open("a") as seen:
        seen.write("begun\\n")
    while not (HERE / "go").exists() and context.get_remaining_time_in_millis() > 100:
        time.sleep(0.01)
    with (HERE / "seen").open("a") as seen:
        seen.write("done\\n")
"""
    _toy(tmp_path, code)
    seen = tmp_path / "seen"
    process = start("Toy", "--template", str(tmp_path / "template.yaml"), folder=tmp_path)
    producer.send([OutgoingRecord(kafka_settings.kafka_topic, b"k", b"v")])
    eventually(seen.exists)

    process.send_signal(signal.SIGTERM)
    (tmp_path / "go").touch()

    assert process.wait(60) == 0
    assert seen.read_text() == "begun\ndone\n"
    producer.send([OutgoingRecord(kafka_settings.kafka_topic, b"k", b"next")])
    start("Toy", "--template", str(tmp_path / "template.yaml"), folder=tmp_path)
    eventually(lambda: seen.read_text().count("done") == 2)
    assert seen.read_text() == "begun\ndone\n" * 2


def test_a_function_that_hangs_is_ended_and_its_batch_delivered_again(
    start: Start, kafka_settings: Settings, producer: ReliableProducer, tmp_path: Path, eventually: Eventually
) -> None:
    code = """
def handler(event, context):
    seen = HERE / "seen"
    seen.write_text((seen.read_text() if seen.exists() else "") + "x")
    while len(seen.read_text()) < 2:
        try:
            time.sleep(60)
        except Exception:
            pass
"""
    _toy(tmp_path, code)
    (tmp_path / "template.yaml").write_text(TEMPLATE.replace("Timeout: 30", "Timeout: 1"), encoding="utf-8")
    start("Toy", "--template", str(tmp_path / "template.yaml"), folder=tmp_path)

    producer.send([OutgoingRecord(kafka_settings.kafka_topic, b"k", b"v")])

    eventually(lambda: (tmp_path / "seen").exists() and (tmp_path / "seen").read_text().startswith("xx"))
    assert "timed out after 1 s" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("", ""), "there is no function Nobody"),
        (
            ("Toy:", "Nobody:"),
            "template.yaml: Nobody: Handler toy.handler cannot be used: Runtime.ImportModuleError: ModuleNotFound",
        ),
        (("Topics: [!Ref KafkaTopic]", "Topics: [a, b]"), "template.yaml: Toy.Records: Topics must be one known topic"),
        (("Timeout: 30", "Runtime: nodejs24.x"), "template.yaml: Toy: only Python handlers run here"),
    ],
)
def test_what_cannot_be_served_is_a_usage_error(
    start: Start, tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE.replace(*change), encoding="utf-8")
    name = "Nobody" if "Nobody" in said else "Toy"

    assert start(name, "--template", str(tmp_path / "template.yaml"), folder=tmp_path).wait(60) == 2
    assert said in (tmp_path / "log").read_text()


def test_a_mapping_that_is_not_enabled_is_served_by_nobody_until_it_is_told_to_stop(
    start: Start, kafka_settings: Settings, producer: ReliableProducer, tmp_path: Path
) -> None:
    _toy(tmp_path, "def handler(event, context):\n    (HERE / 'seen').touch()\n", "            Enabled: false\n")
    producer.send([OutgoingRecord(kafka_settings.kafka_topic, b"k", b"v")])

    process = start("Toy", "--template", str(tmp_path / "template.yaml"), folder=tmp_path)
    process.send_signal(signal.SIGTERM)

    assert process.wait(60) == 0
    assert "is not Enabled" in (tmp_path / "log").read_text()
    assert not (tmp_path / "seen").exists()


WRITES_DOWN = """
import json, os
def handler(event, context):
    for group in event["records"].values():
        with (HERE / f"seen-{group[0]['partition']}").open("a") as seen:
            seen.write("".join(f"{each['offset']} {os.getpid()}\\n" for each in group))
    time.sleep(0.02)
"""


def _seen(folder: Path) -> dict[int, list[tuple[int, int]]]:
    """What was delivered: per partition the offsets and who had them."""
    found = {}
    for path in folder.glob("seen-*"):
        lines = [line.split() for line in path.read_text().splitlines() if " " in line]
        found[int(path.name[5:])] = [(int(offset), int(pid)) for offset, pid in lines]
    return found


def _all_there(folder: Path, count: int) -> bool:
    return sum(len({offset for offset, _ in each}) for each in _seen(folder).values()) >= count


def _keyed(settings: Settings, count: int) -> list[OutgoingRecord]:
    return [OutgoingRecord(settings.kafka_topic, b"ad"[number % 2 : number % 2 + 1], b"v") for number in range(count)]


def test_several_pollers_share_the_partitions_and_are_replaced_when_killed(
    start: Start, kafka_settings: Settings, producer: ReliableProducer, tmp_path: Path, eventually: Eventually
) -> None:
    _toy(tmp_path, WRITES_DOWN, "            BatchSize: 5\n")
    main = start("Toy", "--template", str(tmp_path / "template.yaml"), folder=tmp_path, ONSALE_POLLERS="4")
    pollers = psutil.Process(main.pid).children

    def all_partitions_are_served_by_two() -> bool:
        producer.send(_keyed(kafka_settings, 2))
        last = {each[-1][1] for each in _seen(tmp_path).values()}
        return len(last) == 2

    eventually(all_partitions_are_served_by_two)
    assert len(pollers()) == 2, "there are more pollers than partitions"
    handlers = [child for poller in pollers() for child in poller.children()]

    before = sum(len({offset for offset, _ in each}) for each in _seen(tmp_path).values())
    producer.send(_keyed(kafka_settings, 200))
    victim = pollers()[0]
    victim.kill()
    producer.send(_keyed(kafka_settings, 200))
    eventually(lambda: _all_there(tmp_path, before + 400))

    for deliveries in _seen(tmp_path).values():
        offsets = [offset for offset, _ in deliveries]
        once = [offset for number, offset in enumerate(offsets) if offset not in offsets[:number]]
        assert once == list(range(len(once)))
    eventually(lambda: len(pollers()) == 2 and victim.pid not in {each.pid for each in pollers()})
    main.send_signal(signal.SIGTERM)
    assert main.wait(60) == 0
    eventually(lambda: not any(child.is_running() and child.status() != "zombie" for child in handlers))


def test_the_poller_killed_again_and_again_skips_nothing_and_leaves_no_process(
    start: Start, kafka_settings: Settings, producer: ReliableProducer, tmp_path: Path, eventually: Eventually
) -> None:
    _toy(tmp_path, WRITES_DOWN, "            BatchSize: 5\n")
    producer.send(_keyed(kafka_settings, 300))
    for least in (1, 100):
        process = start("Toy", "--template", str(tmp_path / "template.yaml"), folder=tmp_path)
        eventually(lambda enough=least: _all_there(tmp_path, enough))  # type: ignore[misc]
        (handler,) = psutil.Process(process.pid).children()
        process.kill()
        process.wait()
        eventually(lambda gone=handler: not gone.is_running() or gone.status() == "zombie")  # type: ignore[misc]
    start("Toy", "--template", str(tmp_path / "template.yaml"), folder=tmp_path)
    eventually(lambda: _all_there(tmp_path, 300))

    for deliveries in _seen(tmp_path).values():
        offsets = [offset for offset, _ in deliveries]
        once = [offset for number, offset in enumerate(offsets) if offset not in offsets[:number]]
        assert once == list(range(len(once)))


def test_the_logs_are_one_json_object_per_batch(
    start: Start,
    kafka_settings: Settings,
    producer: ReliableProducer,
    tables: Tables,
    tmp_path: Path,
    eventually: Eventually,
) -> None:
    start("Persist")

    producer.send([OutgoingRecord(kafka_settings.kafka_topic, b"s:bob", as_value(an_event(1)))])
    eventually(lambda: "batch written" in (tmp_path / "log").read_text())

    line = next(each for each in (tmp_path / "log").read_text().splitlines() if "batch written" in each)
    assert json.loads(line)["records"] == 1
