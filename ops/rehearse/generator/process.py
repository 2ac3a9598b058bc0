"""One process of the generator: Locust's users as connections, steps from the schedule, a record every second.

It gets ready, says so in its records, waits for the moment at which the doors open (a line on its standard input), and
ends when every buyer has an ending, upon SIGTERM, or when the process that started it has died. Imported in the
generator's own processes only: Locust patches the standard library.
"""

import gc
import json
import logging
import os
import random
import signal
import statistics
import sys
import time
from pathlib import Path
from typing import Any, ClassVar, TextIO

import gevent
from locust import User, task
from locust.env import Environment

from ops.rehearse.generator.asks import SALE, Ask
from ops.rehearse.generator.book import Book
from ops.rehearse.generator.crowd import Crowd
from ops.rehearse.generator.desk import Desk
from ops.rehearse.generator.link import Link, Unanswered
from ops.rehearse.generator.orders import Orders
from ops.rehearse.generator.scene import Scene
from ops.rehearse.generator.usage import Usage

_REST_CALLS = 10
_LOOK_EVERY_S = 0.05


class Connection(User):
    """A Locust user is one connection; its one task lasts as long as the rehearsal."""

    desk: ClassVar[Desk]

    @task
    def work(self) -> None:
        """Carry out step after step."""
        self.desk.work()


class Process:
    """This process, from its orders to its last record."""

    def __init__(self, orders: Orders, records: TextIO) -> None:
        self._orders, self._records = orders, records
        self._parent = os.getppid()
        self._is_told_to_stop = False
        tokens = orders.tokens.read_text().splitlines() if orders.tokens else []
        first, step = orders.process, orders.processes
        token_of = (lambda number: tokens[(number - first) // step]) if tokens else None
        self._link = Link(orders.url, orders.sale_id, orders.connections, token_of)
        chance = random.Random(f"process {first}")  # noqa: S311 - the same crowd every time
        self._scene = Scene(orders.plan, Book(first), 0.0, chance, names_buyers=not tokens)
        self._environment = Environment(user_classes=[Connection])

    def run(self) -> None:
        """Do it all."""
        gevent.signal_handler(signal.SIGTERM, self._stop)
        runner = self._environment.create_local_runner()
        self._serve_web_page()
        self._scene.book.end.rest_ms = self._rest_ms()
        self._write({"ready": True})
        opens = sys.stdin.readline()
        if not opens:  # whoever started this has stopped it, or has died
            return
        self._scene.opened_s = float(opens)
        crowd = Crowd(self._scene, self._orders.process, self._orders.processes)
        Connection.desk = desk = Desk(self._scene, crowd, self._link)
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000)
        runner.start(self._orders.connections, spawn_rate=self._orders.connections)
        gevent.joinall([runner.spawning_greenlet])
        self._usage = Usage()
        background = [gevent.spawn(desk.hand_out), gevent.spawn(self._keep_records)]
        while not (self._is_told_to_stop or crowd.is_done or runner.user_count == 0 or os.getppid() != self._parent):
            gevent.sleep(_LOOK_EVERY_S)
        is_complete = crowd.is_done
        gevent.killall(background)
        runner.quit()
        self._finish(crowd, is_complete)

    def _stop(self) -> None:
        self._is_told_to_stop = True

    def _serve_web_page(self) -> None:
        if self._orders.web_port is not None:
            self._environment.create_web_ui("127.0.0.1", self._orders.web_port)
            self._link.told = self._tell_locust

    def _tell_locust(self, ask: Ask, took_s: float, length: int, error: Exception | None) -> None:
        self._environment.events.request.fire(
            request_type=ask.method,
            name=ask.endpoint,
            response_time=took_s * 1000,
            response_length=length,
            exception=error,
            context={},
        )

    def _rest_ms(self) -> float | None:
        """Return how long an answer takes before anybody comes; None when there is none."""
        took_s = []
        for _ in range(_REST_CALLS):
            began_s = time.monotonic()
            try:
                self._link.send(SALE, self._orders.process)
            except Unanswered:
                continue
            took_s.append(time.monotonic() - began_s)
        return round(statistics.median(took_s) * 1000, 3) if took_s else None

    def _keep_records(self) -> None:
        number = 0
        while True:
            gevent.sleep(max(0.0, self._scene.opened_s + number + 1 - time.monotonic()))
            number = max(number + 1, int(time.monotonic() - self._scene.opened_s))
            self._close_second(number)

    def _close_second(self, number: int) -> None:
        second = self._scene.book.turn(number)
        process = self._orders.process
        second.cpu[process], second.wanted[process] = self._usage.shares()
        second.overdue = Connection.desk.overdue()
        self._write(second.document())

    def _finish(self, crowd: Crowd, is_complete: bool) -> None:
        book = self._scene.book
        self._close_second(book.second.second + 1)
        crowd.stop()
        book.end.is_complete = is_complete
        book.end.memory_bytes = Usage.memory_bytes()
        self._write({"end": book.end.document()})

    def _write(self, document: dict[str, Any]) -> None:
        self._records.write(json.dumps(document, separators=(",", ":")) + "\n")
        self._records.flush()


def main(path: Path) -> None:
    """Carry out the orders in a file."""
    logging.getLogger("locust.runners").setLevel(logging.ERROR)  # it warns of the CPU; our own records say more
    orders = Orders.read(path)
    with orders.records.open("a") as records:
        Process(orders, records).run()
