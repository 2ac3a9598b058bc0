"""`onsale dlq` against a running stack: what cannot be written is seen, shown, replayed and discarded."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from chalicelib.config import Settings
from functions.kafka_client import client_config
from functions.mysql import connect
from functions.producer import OutgoingRecord, ReliableProducer
from ops.local.stack import Stack
from tests.conftest import Eventually

Onsale = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="module")
def onsale(stack: Stack) -> Onsale:
    """Run a command line with the stack's settings in the environment."""

    def run(*words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "ops.cli", *words],
            env={**os.environ, **stack.env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=180,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def produce(stack: Stack) -> Iterator[Callable[..., None]]:
    """Put a record of a sale on the topic of the events, or on another one."""
    settings = Settings.read(stack.env)
    producer = ReliableProducer(client_config(settings))

    def put(sale_id: str, version: int, value: bytes | None, topic: str = settings.kafka_topic) -> None:
        names = (("sale", sale_id.encode()), ("epoch", b"1"), ("version", str(version).encode()))
        assert producer.send([OutgoingRecord(topic, f"{sale_id}:ann".encode(), value, names)]) == [None]

    yield put
    producer.close()


Kept = Callable[..., bool]


@pytest.fixture(scope="module")
def kept(stack: Stack) -> Iterator[Kept]:
    """Tell whether so many letters of a sale are in MySQL: asking the command again and again takes seconds."""
    with closing(connect(stack.env["MYSQL_URL"])) as connection:
        connection.autocommit(True)

        def look(sale_id: str, count: int, function: str = "persist") -> bool:
            with connection.cursor() as cursor:
                query = "SELECT COUNT(*) FROM dead_letters WHERE sale_id = %s AND quarantined_by = %s"
                cursor.execute(query, (sale_id, function))
                return bool(cursor.fetchall()[0][0] == count)

        yield look


def _list(onsale: Onsale, sale_id: str, state: str = "OPEN", function: str | None = "persist") -> list[dict[str, Any]]:
    """Return the letters of a sale that one function gave up."""
    done = onsale("dlq", "list", "--sale", sale_id, "--state", state, "--json")
    assert done.returncode == 0, done.stderr
    letters: list[dict[str, Any]] = json.loads(done.stdout)
    return [each for each in letters if each["function"] == function]


def test_a_record_that_cannot_be_written_is_listed_and_shown(
    onsale: Onsale, produce: Callable[..., None], kept: Kept, eventually: Eventually, tmp_path: Path
) -> None:
    value = b"\xff" + bytes(range(256)) * 4_000
    produce("seen", 1, value)
    eventually(lambda: kept("seen", 1))

    (letter,) = _list(onsale, "seen")
    assert (letter["reason"], letter["function"], letter["userId"]) == ("not-utf8", "persist", "ann")
    name = letter["letterId"]
    shown = onsale("dlq", "show", name).stdout.decode()
    assert "00000000  ff 00 01 02" in shown
    assert "more bytes; --raw FILE" in shown
    assert json.loads(onsale("dlq", "show", name, "--json").stdout)["valueLength"] == len(value)
    assert onsale("dlq", "show", name, "--raw", str(tmp_path / "value")).returncode == 0
    assert (tmp_path / "value").read_bytes() == value
    assert onsale("dlq", "show", name, "--raw", "-").stdout == value
    assert b"not-utf8" in onsale("dlq", "list").stdout


def test_a_replay_that_fails_again_comes_back_and_a_discard_ends_it(
    onsale: Onsale, produce: Callable[..., None], kept: Kept, eventually: Eventually
) -> None:
    produce("again", 1, b"{")
    eventually(lambda: kept("again", 1))
    first = _list(onsale, "again")[0]["letterId"]

    done = onsale("dlq", "replay", first, "--why", "to see", "--json")

    assert (done.returncode, [each["outcome"] for each in json.loads(done.stdout)]) == (0, ["replayed"])
    eventually(lambda: kept("again", 2))
    (back,) = _list(onsale, "again")
    assert back["replayOf"] == first
    second = back["letterId"]
    refused = onsale("dlq", "discard", second, "--why", "nonsense")
    assert (refused.returncode, b"--yes" in refused.stderr) == (2, True)
    assert onsale("dlq", "discard", second, "--why", "nonsense", "--yes").returncode == 0
    assert onsale("dlq", "replay", second).returncode == 1
    states = {each["letterId"]: (each["state"], each["why"]) for each in _list(onsale, "again", "ANY")}
    assert states == {first: ("REPLAYED", "to see"), second: ("DISCARDED", "nonsense")}


def test_all_letters_of_a_sale_are_replayed_and_no_other(
    onsale: Onsale, produce: Callable[..., None], kept: Kept, eventually: Eventually
) -> None:
    for version in (1, 2):
        produce("mine", version, b"?")
    produce("yours", 1, b"?")
    eventually(lambda: kept("mine", 2) and kept("yours", 1))

    assert onsale("dlq", "replay", "--all", "--sale", "mine").returncode == 2
    would = json.loads(onsale("dlq", "replay", "--all", "--sale", "mine", "--dry-run", "--json").stdout)
    assert {each["letterId"] for each in _list(onsale, "mine")} <= {each["letterId"] for each in would}
    assert onsale("dlq", "replay", "--all", "--sale", "mine", "--yes").returncode == 0

    eventually(lambda: kept("mine", 4))
    assert [each["state"] for each in _list(onsale, "yours", "ANY")] == ["OPEN"]


def test_a_letter_of_nobody_or_of_no_such_name_is_answered_in_one_line(
    onsale: Onsale, stack: Stack, produce: Callable[..., None], kept: Kept, eventually: Eventually
) -> None:
    produce("stray", 3, None, Settings.read(stack.env).kafka_dlq_topic)
    eventually(lambda: kept("stray", 1, ""))
    assert [each["reason"] for each in _list(onsale, "stray", function=None)] == ["unknown"]

    done = onsale("dlq", "show", "nowhere-0-1")

    assert (done.returncode, done.stderr) == (1, b"error: there is no dead letter nowhere-0-1\n")
    assert onsale("dlq", "show", "nonsense").returncode == 2
    assert onsale("dlq", "replay", "nowhere-0-1").returncode == 1


def test_what_lies_on_the_topic_of_notify_is_kept_too(
    stack: Stack, produce: Callable[..., None], kept: Kept, eventually: Eventually
) -> None:
    produce("told", 3, b"{}", Settings.read(stack.env).kafka_notify_dlq_topic)

    eventually(lambda: kept("told", 1, ""))


def test_a_purchase_that_could_not_be_written_is_told_explained_repaired_and_replayed(
    onsale: Onsale, stack: Stack, kept: Kept, eventually: Eventually
) -> None:
    assert onsale("sale", "create", "whole", "--capacity", "3").returncode == 0
    with _trouble(stack, "not_whole CHECK (sale_id <> 'whole')"):
        for path in ("queue/enter", "reservations/reserve"):
            url = f"{stack.env['ONSALE_URL']}/api/v1/sales/whole/{path}?userId=ann"
            with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=60):  # noqa: S310
                pass
        eventually(lambda: kept("whole", 1))
    (letter,) = _list(onsale, "whole")
    assert (letter["reason"], letter["userId"], letter["type"]) == ("constraint", "ann", "CONFIRMED")
    assert b"letters open: 1" in onsale("sale", "show", "whole").stdout
    explained = onsale("ledger", "whole", "--wait", "20")
    assert (explained.returncode, f"dead letter {letter['letterId']}".encode() in explained.stdout) == (0, True)

    assert onsale("dlq", "replay", letter["letterId"], "--why", "constraint dropped").returncode == 0

    done = onsale("ledger", "whole", "--wait", "20", "--json")
    ledger = json.loads(done.stdout)
    assert (done.returncode, ledger["findings"], ledger["deadLetters"]["replayed"]) == (0, [], 1)
    assert b"ann" in onsale("purchases", "whole").stdout


@contextmanager
def _trouble(stack: Stack, constraint: str) -> Iterator[None]:
    """Have MySQL refuse some purchases for a while."""
    with closing(connect(stack.env["MYSQL_URL"])) as connection, connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE purchases ADD CONSTRAINT {constraint}")
        yield
        cursor.execute(f"ALTER TABLE purchases DROP CONSTRAINT {constraint.split()[0]}")
