"""Hands steps that are due to connections that are free. One greenlet for each connection, none for a buyer.

Imported in the generator's own processes only: it needs gevent.
"""

import time
from typing import NoReturn

import gevent
from gevent.event import AsyncResult

from ops.rehearse.generator.crowd import Crowd
from ops.rehearse.generator.link import Link, Unanswered
from ops.rehearse.generator.scene import Scene
from ops.rehearse.generator.visitor import SEATS_PAUSE_S, Visitor

_TICK_S = 0.005


class Desk:
    """Between the schedule and the connections. A connection without a step waits here for the next one."""

    def __init__(self, scene: Scene, crowd: Crowd, link: Link) -> None:
        self._book, self._crowd, self._link = scene.book, crowd, link
        self._schedule = crowd.schedule
        self._free: list[AsyncResult] = []
        self._in_flight = 0

    def work(self) -> NoReturn:
        """Be one connection: carry out step after step."""
        while True:
            step, was_free = self._schedule.take(time.monotonic()), False
            if step is None:
                waiting = AsyncResult()
                self._free.append(waiting)
                step, was_free = waiting.get(), True
            due_s, visitor = step
            self._carry_out(due_s, visitor, was_free)

    def hand_out(self) -> NoReturn:
        """Wake free connections when steps are due, and note how long there were none."""
        was_full, before_s = False, time.monotonic()
        while True:
            now_s = time.monotonic()
            while self._free and (step := self._schedule.take(now_s)):
                self._free.pop().set(step)
            due_s = self._schedule.next_due_s()
            is_full = not self._free and due_s is not None and due_s <= now_s
            if is_full and was_full:
                self._book.second.saturated_s += now_s - before_s
            was_full, before_s = is_full, now_s
            gevent.sleep(_TICK_S if due_s is None or is_full else max(0.0, min(_TICK_S, due_s - now_s)))

    def overdue(self) -> int:
        """Return how many steps are due and not begun."""
        return self._schedule.overdue(time.monotonic())

    def _carry_out(self, due_s: float, visitor: Visitor, was_free: bool) -> None:
        began_s = time.monotonic()
        ask = visitor.ask(began_s)
        if ask is None:
            self._schedule.plan(began_s + SEATS_PAUSE_S, visitor)
            return
        self._in_flight += 1
        self._book.began(began_s - due_s, self._in_flight, was_free=was_free)
        try:
            answer, told_s = self._link.send(ask, visitor.number)
        except Unanswered as error:
            self._book.failed(ask.endpoint, str(error), is_own=error.is_own)
            next_s = visitor.missed(str(error), time.monotonic())
        else:
            now_s = time.monotonic()
            self._book.answered(ask.endpoint, answer, now_s - due_s)
            next_s = visitor.hear(answer, now_s, told_s)
        finally:
            self._in_flight -= 1
        if next_s is None:
            self._crowd.gone(visitor)
        else:
            self._schedule.plan(next_s, visitor)
