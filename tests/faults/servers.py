"""Hands on the servers of a running stack: stop, freeze, start again, and tell when one is back."""

import getpass
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pymysql
from confluent_kafka import Consumer, TopicPartition

from chalicelib.config import settings
from functions.kafka_client import client_config
from ops.local import topology
from ops.local.stack import Stack
from tests.faults.trade import wait_for

_ENDS_WITHIN_S = 60.0


class Server:
    """One server of a stack."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._stack, self._name = stack, name
        self._answers = topology.questions(stack.env)[name]
        self._starting: threading.Thread | None = None

    def stop(self, *, kill: bool = False) -> None:
        """End it, as an operator or a crash would; returns when it is gone."""
        process = psutil.Process(self._stack.pid(self._name))
        process.kill() if kill else process.terminate()
        psutil.wait_procs([process], timeout=_ENDS_WITHIN_S)
        assert not self._answers()

    def start(self) -> float:
        """Start it again; returns the moment at which it answers. What else `up` does goes on until `join`."""
        self._starting = threading.Thread(target=self._stack.up)
        self._starting.start()
        wait_for(self._answers, f"{self._name} answers")
        return time.monotonic()

    def join(self) -> None:
        """Wait for the rest of `start`."""
        if self._starting:
            self._starting.join()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop it in its tracks for a while: it keeps its connections and says nothing."""
        process = psutil.Process(self._stack.pid(self._name))
        process.suspend()
        try:
            yield
        finally:
            process.resume()


class Deliveries:
    """The deliveries to persist since this was made, by its log, and the dead letters, by the topic."""

    def __init__(self, stack: Stack) -> None:
        self._log = topology.log_of(stack.home, "event-source-persist")
        self._from = self._log.stat().st_size
        self._letters = self._end()

    @property
    def failed(self) -> int:
        """Deliveries that persist has given back."""
        return len(self._failures())

    @property
    def repeated(self) -> int:
        """How often one batch was given back: it comes again with as many records."""
        return max(Counter(self._failures()).values(), default=0)

    @property
    def letters(self) -> int:
        """Records that were quarantined."""
        return self._end() - self._letters

    def fail(self, times: int) -> None:
        """Wait until so many more have failed."""
        wanted = self.failed + times
        wait_for(lambda: self.failed >= wanted, f"{times} more failed deliveries")

    def _failures(self) -> list[int]:
        with self._log.open("rb") as log:
            log.seek(self._from)
            lines = [json.loads(line) for line in log if b'"batch failed"' in line and line.endswith(b"}\n")]
        return [line["records"] for line in lines]

    @staticmethod
    def _end() -> int:
        # A new one each time: what an idle consumer knows of the topics may be from before a broker went.
        with closing(Consumer({**client_config(settings()), "group.id": "faults"})) as consumer:
            _, end = consumer.get_watermark_offsets(TopicPartition(settings().kafka_dlq_topic, 0), 10)
        return int(end)


@contextmanager
def mysql_root(stack: Stack) -> Iterator[Any]:
    """A cursor that may do anything, by the socket that only this machine's own user has."""
    data = stack.home.data / "mysql" / "mysql.sock"
    socket, user = (data, getpass.getuser()) if data.exists() else (Path(stack.home.run) / "mysql.sock", "root")
    connection = pymysql.connect(unix_socket=str(socket), user=user, database="onsale", autocommit=True)
    with closing(connection), connection.cursor() as cursor:
        yield cursor


def one(cursor: Any, query: str) -> Any:
    """Return the last value of the first row."""
    cursor.execute(query)
    return cursor.fetchone()[-1]
