"""The dashboard fits its terminal, shows the worst where it is seen, and draws the last minutes."""

import io
import re

import pytest
from rich.console import Console
from rich.text import Text

from chalicelib.errors import OnsaleError
from ops.exposition import ExporterAway, Exposition, parse
from ops.watch import lines, wording
from ops.watch.charts import chart
from ops.watch.figures import Figures
from ops.watch.history import SPAN_S, History
from ops.watch.page import page
from ops.watch.problems import problems
from ops.watch.sources import Operator
from ops.watch.watching import Watching
from tests.watched import PROCESSES, scrape


class Recorded:
    """A source of looks a second apart."""

    unseen, helps = wording.UNKNOWN, "onsale status"

    def __init__(self, **values: float) -> None:
        self.values = values
        self.away: tuple[str, ...] = ()
        self.is_gone = False
        self._second = 0

    def look(self) -> Exposition:
        self._second += 1
        if self.is_gone:
            raise ExporterAway("the exporter does not answer")
        return parse(scrape(float(self._second), away=self.away, **self.values), float(self._second))


def watched(source: Recorded, looks: int = 20) -> Watching:
    watching = Watching(source, "spring", 1.0)
    watching.begin()
    for _ in range(looks):
        watching.look()
    return watching


def texts(watching: Watching, width: int, height: int | None) -> list[str]:
    return [line.plain for line in page(watching.view("q ends"), width, height)]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (120, 24), (160, 50), (250, 70)])
@pytest.mark.parametrize("has_problems", [False, True])
def test_the_page_fits_its_terminal(width: int, height: int, has_problems: bool) -> None:
    wrong = {"onsale_mysql_refunds": 3.0, "onsale_dead_letters": 2.0, "onsale_outbox_events": 70_000.0}
    drawn = page(watched(Recorded(**(wrong if has_problems else {}))).view("q ends"), width, height)
    assert len(drawn) <= height
    assert max(line.cell_len for line in drawn) <= width
    assert not any("\n" in line.plain for line in drawn)
    shown = "\n".join(line.plain for line in drawn)
    for name in ("spring  OPEN", "waiting", "sales", "refused", "outbox", "kafka", "mysql", "dead", "http", "gateway"):
        assert name in shown
    assert ("onsale dlq list --sale spring" in shown) == has_problems


def test_80_by_24_has_every_row_and_every_process() -> None:
    drawn = "\n".join(texts(watched(Recorded()), 80, 24))
    for says in (
        "990 sold, 43 held, 9,345 free of 10,000",
        "1,204 waiting, 57 active, 20.0/s admitted, empty in 1 min 0 s",
        "18.0/s, sold out in 8 min 39 s",
        "2.0/s: seat-taken 2.0/s",
        "claim-missed 3, time-up 1, hold-expired 12",
        "612 paid, 0 refunds due",
        "4 events not on Kafka yet, the oldest 12 ms old",
        "behind: notify 240, persist 7",
        "609 sold, 41 held, 9 events behind, written in 55 ms, p99 99 ms",
        "no open letters",
        "1,200/s, p50 0.5 ms, p99 1.0 ms",
        "GET    /sales/{saleId}/queue/status",
    ):
        assert says in drawn
    assert all(name.removeprefix("event-source-") in drawn for name in PROCESSES)


def test_a_wide_terminal_has_two_columns_and_charts() -> None:
    drawn = texts(watched(Recorded()), 160, 50)
    beside = next(line for line in drawn if "1,204 waiting" in line)
    assert "http" in beside
    assert any("tickets sold a second" in line for line in drawn)


def test_where_routes_and_processes_do_not_fit_the_page_says_how_many_are_left_out() -> None:
    wrong = Recorded(onsale_mysql_refunds=3.0, onsale_dead_letters=2.0, onsale_outbox_events=70_000.0)
    drawn = "\n".join(texts(watched(wrong), 80, 24))
    assert "more processes" in drawn
    assert "and 2 more problems" in drawn
    assert "onsale refunds list spring --state DUE" in "\n".join(texts(watched(wrong), 160, 50))


def test_a_source_that_is_away_is_named_in_red_and_its_rows_are_unknown() -> None:
    source = Recorded()
    watching = watched(source)
    source.away = ("mysql",)
    watching.look()
    drawn = page(watching.view(), 80, 24)
    title = drawn[0]
    assert "mysql is away" in title.plain
    assert any("red" in str(span.style) for span in title.spans)
    assert any(line.plain.startswith(f" mysql    {wording.UNKNOWN} ") for line in drawn)
    assert "mysql does not answer" in drawn[-1].plain


def test_an_exporter_that_goes_away_is_said_and_watched_for() -> None:
    source = Recorded()
    watching = watched(source)
    source.is_gone = True
    watching.look()
    watching.look()
    drawn = texts(watching, 80, 24)
    assert drawn[1].startswith(" no answer for ")
    assert any("1,204 waiting" in line for line in drawn)
    source.is_gone = False
    watching.look()
    assert not any("no answer for" in line for line in texts(watching, 80, 24))


def test_a_sale_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(OnsaleError, match="no sale summer; there are: hall, spring") as refused:
        Watching(Recorded(), "summer", 1.0).begin()
    assert refused.value.code == "no-such-sale"


def test_a_sale_is_believed_to_be_there_while_redis_is_away() -> None:
    source = Recorded()
    source.away = ("redis",)
    watching = Watching(source, "spring", 1.0)
    watching.begin()
    assert texts(watching, 80, 24)[0].startswith(" spring  UNKNOWN  redis is away")


def test_without_colour_nothing_of_the_text_is_lost() -> None:
    view = watched(Recorded(onsale_dead_letters=2.0)).view()
    out = {}
    for no_color in (True, False):
        console = Console(file=io.StringIO(), force_terminal=True, width=80, no_color=no_color, color_system="standard")
        for line in page(view, 80, 24):
            console.print(line, soft_wrap=True)
        assert isinstance(console.file, io.StringIO)
        out[no_color] = console.file.getvalue()
    assert "\x1b[1;31m" in out[False]
    assert "31m" not in out[True]
    plain = {Text.from_ansi(text).plain for text in out.values()}
    assert len(plain) == 1


def test_a_stage_that_shows_little_says_so() -> None:
    sale = {"state": "OPEN", "capacity": 9, "remaining": 9, "held": 0, "confirmed": 0, "waiting": 3, "active": 2}
    sale |= {"admittedThrough": 5, "outbox": 0, "openDeadLetters": 0}
    watching = Watching(Operator(lambda _, **asked: {**sale, **asked}, "spring"), "spring", 5.0)
    watching.begin()
    drawn = texts(watching, 80, 24)
    assert sum("not seen from here" in line for line in drawn) >= 5
    assert any("3 waiting" in line for line in drawn)


def test_off_a_terminal_a_look_is_a_line_under_its_heading() -> None:
    watching = watched(Recorded())
    text = lines.line(watching.figures, "12:00:00")
    assert len(text) == len(lines.HEAD)
    for name, cell in {"waiting": "1,204", "sold": "990", "sales": "18.0/s", "lag": "240", "p99": "1.0 ms"}.items():
        end = re.search(rf"\b{name}\b", lines.HEAD)
        assert end is not None
        assert text[: end.end()].endswith(f" {cell}")
    assert len(lines.line(Figures("spring"), "12:00:00")) == len(lines.HEAD)


def test_off_a_terminal_a_problem_is_said_when_it_comes_and_when_it_is_gone() -> None:
    bad = problems(Figures("spring", state="OPEN", dead=1.0))
    worse = problems(Figures("spring", state="OPEN", dead=2.0))
    assert lines.changes((), bad) == ["  ! records that could not be written: 1; onsale dlq list --sale spring"]
    assert lines.changes(bad, worse) == []
    assert lines.changes(worse, ()) == ["  dead: well again"]


def _point(at_s: float) -> Exposition:
    return Exposition(at_s, {})


def test_bars_hold_the_last_minutes_however_few_cells_there_are() -> None:
    history = History()
    for second in range(1_000):
        history.add(_point(float(second)), {"waiting": float(second), "unknown": None})
    for width in (5, 20, 79):
        cells = history.cells("waiting", width, 1.0)
        assert len(cells) == width
        assert cells[-1] == 999
        known = [value for value in cells if value is not None]
        assert known == sorted(known)
        assert known[0] <= 1_000 - SPAN_S + 130
    assert history.cells("unknown", 5, 1.0) == [None] * 5
    assert History().cells("waiting", 5, 1.0) == []


def test_windows_begin_where_they_should() -> None:
    history = History()
    assert history.since(60, 0) is None
    for second in range(200):
        history.add(_point(float(second)), {})
    for seconds in (10.0, 60.0):
        begin = history.since(seconds, 199.0)
        assert begin is not None
        assert seconds - 1 <= 199 - begin.at_s <= seconds + 4.5
    late = history.since(1.0, 500.0)
    assert late is not None
    assert late.at_s == 199


def test_sparklines_tell_nothing_from_little_and_from_unknown() -> None:
    assert wording.sparkline([None, 0.0, 0.01, 5.0, 10.0]) == " ·▁▄█"
    assert wording.sparkline([0.0, 0.0]) == "··"
    assert wording.sparkline([]) == ""


def test_a_chart_is_as_high_as_it_may_be_and_writes_its_highest_value() -> None:
    drawn = [line.plain for line in chart("sold", [0.0, 5.0, 10.0, None, 0.001], 4)]
    assert len(drawn) == 5
    assert drawn[1].split() == ["10", "█"]
    assert drawn[4].endswith(" ██ ▁")


@pytest.mark.parametrize(
    ("seconds", "spelled"),
    [
        (None, "-"),
        (0.0, "0 ms"),
        (0.00042, "0.4 ms"),
        (0.0123, "12 ms"),
        (0.9999, "1.0 s"),
        (59.97, "1 min 0 s"),
        (3_599.9, "1 h 0 min"),
        (7_260.0, "2 h 1 min"),
    ],
)
def test_times_are_spelled_short(seconds: float | None, spelled: str) -> None:
    assert wording.span(seconds) == spelled


def test_amounts_are_spelled_short() -> None:
    assert (wording.rate(0), wording.rate(2.34), wording.rate(1_234.5), wording.rate(None)) == (
        "0/s",
        "2.3/s",
        "1,234/s",
        "-/s",
    )
    assert (wording.memory(None), wording.memory(2**20 * 120), wording.memory(2**30 * 1.5)) == ("-", "120 MB", "1.5 GB")
