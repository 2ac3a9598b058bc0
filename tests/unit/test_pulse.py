"""What scheduled loops tell of themselves: enough where all is well, idle or busy, too little where it is not."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from chalicelib import promotion, pulse
from chalicelib.config import settings
from chalicelib.errors import StoreUnavailable
from chalicelib.pulse import EVERY_S, PULSES_OF_A_QUIET_RUN, Pulse
from chalicelib.sale.model import CLOSED, OPEN, Promotion
from functions import relay
from functions.outbox_relay import Pass

THRESHOLD = 200
Capture = pytest.CaptureFixture[str]
STEP = Promotion(0, 0, 0, 0, False, OPEN, 0, 0, 0, 0, 0)


class Clock:
    """A clock that goes on when somebody sleeps, and a little by itself."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic(self) -> float:
        return self.now_s

    def time_ns(self) -> int:
        return int(self.now_s * 1e9)

    def sleep(self, s: float) -> None:
        self.now_s += s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """A clock for all that looks at one here; metrics are written."""
    made = Clock()
    for module in (promotion, pulse, relay):
        monkeypatch.setattr(module, "time", made)
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "false")
    settings.cache_clear()
    yield made
    settings.cache_clear()


@dataclass
class Sales:
    """As much of wiring as a run asks: one sale, its state, and whether Redis answers."""

    clock: Clock
    step: Promotion = STEP
    away: bool = False
    takes_s: float = 0.002
    ids: tuple[str, ...] = ("spring",)
    oldest: int = 0

    def sale_ids(self) -> list[str]:
        self.clock.sleep(self.takes_s)
        if self.away:
            raise StoreUnavailable("away")
        return list(self.ids)

    def promote(self, _: str) -> Promotion:
        return self.step

    def oldest_ms(self, _: str) -> int:
        return self.oldest


@pytest.fixture
def sales(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Sales:
    """What the run sees."""
    made = Sales(clock)
    for name in ("reader", "store", "outbox"):
        monkeypatch.setattr(f"chalicelib.wiring.{name}", lambda: made)
    return made


def told(capsys: Capture) -> list[dict[str, float]]:
    """What was written, each value by its name."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [{name: value[0] for name, value in each.items() if isinstance(value, list)} for each in lines]


def test_an_idle_stage_tells_of_a_whole_minute_in_each_run(sales: Sales, capsys: Capture) -> None:
    sales.step = replace(STEP, state=CLOSED)
    assert promotion.run(lambda: 90_000)["ticks"] == 1
    sales.ids = ()
    assert promotion.run(lambda: 90_000)["ticks"] == 1
    lines = told(capsys)
    assert [each["pulses"] > THRESHOLD for each in lines] == [True, True]
    assert {(each["outbox"], each["outbox_age_ms"]) for each in lines} == {(0, 0)}


def test_a_busy_run_tells_every_few_seconds_and_enough_in_each_minute(sales: Sales, capsys: Capture) -> None:
    promotion.run(lambda: 90_000)
    lines = told(capsys)
    assert len(lines) == pytest.approx(promotion.RUN_S / EVERY_S, abs=1)
    assert sum(each["pulses"] for each in lines[:6]) > THRESHOLD
    assert sum(each["ticks"] for each in lines) == pytest.approx(promotion.RUN_S / 0.2, abs=3)


def test_a_loop_that_is_too_slow_tells_too_little(sales: Sales, capsys: Capture) -> None:
    sales.takes_s = 0.5
    promotion.run(lambda: 90_000)
    assert sum(each["pulses"] for each in told(capsys)) < THRESHOLD


def test_rounds_that_fail_are_no_pulses_and_say_nothing_of_outboxes(sales: Sales, capsys: Capture) -> None:
    sales.away = True
    promotion.run(lambda: 90_000)
    lines = told(capsys)
    assert sum(each["pulses"] for each in lines) == 0
    assert sum(each["failures"] for each in lines) > 100
    assert not any("outbox" in each for each in lines)


def test_what_waits_in_the_outboxes_is_told_with_its_age(sales: Sales, clock: Clock, capsys: Capture) -> None:
    sales.step = replace(STEP, state=CLOSED, outbox=7)
    sales.ids = ("spring", "autumn")
    sales.oldest = int(clock.now_s * 1000) - 45_000
    promotion.run(lambda: 0)
    (line,) = told(capsys)
    assert line["outbox"] == 14
    assert line["outbox_age_ms"] == pytest.approx(45_000, abs=100)


def test_counts_are_told_once(clock: Clock, capsys: Capture) -> None:
    made = Pulse("toy")
    for round_ in range(1, 4):
        clock.sleep(EVERY_S)
        made.beat({"sent": 10 * round_}, well=True)
    made.end({"sent": 35}, quiet=False)
    assert [each["sent"] for each in told(capsys)] == [10, 10, 10, 5]


def test_nothing_is_measured_where_nobody_reads_it(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    settings.cache_clear()
    asked: Counter[str] = Counter()

    def gauge() -> dict[str, float]:
        asked["gauge"] += 1
        return {}

    Pulse("toy", gauge).end({}, quiet=True)
    assert (capsys.readouterr().out, asked) == ("", Counter())


class Relaying:
    """A relay whose passes take their time and end as the test says."""

    def __init__(self, clock: Clock, done: Pass, takes_s: float = 0.02) -> None:
        self._clock, self._done, self._takes_s = clock, done, takes_s

    def relay_once(self, _: object) -> Pass:
        self._clock.sleep(self._takes_s)
        return self._done


@pytest.mark.parametrize(
    ("done", "takes_s", "is_enough"),
    [
        (Pass(100, 0, 0), 0.2, True),  # much to send
        (Pass(100, 0, 0), 0.5, False),  # more than it can
        (Pass(0, 0, 5), 0.02, False),  # Kafka is away
    ],
)
def test_a_relay_tells_of_passes_that_left_nothing_behind(
    done: Pass, takes_s: float, is_enough: bool, clock: Clock, sales: Sales, capsys: Capture
) -> None:
    relay.run(Relaying(clock, done, takes_s), lambda: 90_000)  # type: ignore[arg-type]
    lines = told(capsys)
    assert (sum(each["pulses"] for each in lines[:6]) >= THRESHOLD) is is_enough
    assert sum(each["sent"] for each in lines) == sum(each["passes"] for each in lines) * done.sent


def test_an_idle_relay_tells_of_a_whole_minute_in_each_run(clock: Clock, sales: Sales, capsys: Capture) -> None:
    sales.ids = ()
    relay.run(Relaying(clock, Pass(0, 0, 0)), lambda: 90_000)  # type: ignore[arg-type]
    (line,) = told(capsys)
    assert line["pulses"] == PULSES_OF_A_QUIET_RUN + line["passes"]
