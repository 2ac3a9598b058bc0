"""The page of a rehearsal: well-formed, self-contained, complete, bounded, and safe to open whatever names it shows."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from ops.rehearse.page_plots import plots
from ops.rehearse.plot_field import Size
from ops.rehearse.plots import Band, Line, Plot, legend, svg
from ops.rehearse.record import (
    Check,
    EndpointRecord,
    FaultRecord,
    Machine,
    ProcessSeries,
    Rehearsal,
    Timeline,
)
from ops.rehearse.report_page import page
from ops.rehearse.scales import TimeAxis, decades, difference, lines, short, thinned, ticks, top
from ops.rehearse.summary import summary
from ops.rehearse.thresholds import load
from ops.rehearse.verdict import judged
from tests.rehearsals import LEDGER, PLAN, rehearsal, soaked, with_faults

HOSTILE = "</title></style><script>alert('x')</script><img src=x onerror=\"y\">&amp;\x00\x1b[31m\ud800"
GOOD = judged(rehearsal(), load())
FAULTY = judged(with_faults(rehearsal()), load(faults=["kafka-stop", "redis-restart"]))
SOAK = judged(soaked(rehearsal(replace(PLAN, duration_s=3_000.0), 3_000)), load())


def _parsed(of: Rehearsal) -> ElementTree.Element:
    return ElementTree.fromstring(page(of))  # noqa: S314 - our own page


def _words(element: ElementTree.Element) -> str:
    return " ".join(part for each in element.iter() if each.tag != "style" for part in (each.text, each.tail) if part)


def _drawings(root: ElementTree.Element) -> list[ElementTree.Element]:
    return [each for each in root.iter("svg") if each.get("role") == "img"]


def _empty() -> Rehearsal:
    """Return a run that nothing is known of but its plan."""
    plan = PLAN.document()
    return Rehearsal("", "2026-05-04T18:00:00.000Z", 0.0, "https://example.com", "s", plan)


@pytest.mark.parametrize("of", [GOOD, FAULTY, judged(_empty(), load()), _empty()])
def test_the_page_is_well_formed_and_loads_nothing_from_anywhere(of: Rehearsal) -> None:
    text, root = page(of), _parsed(of)
    tags = {each.tag for each in root.iter()}
    assert not tags & {"script", "link", "img", "iframe", "object", "base", "use", "image", "a", "form"}
    names = {name for each in root.iter() for name in each.attrib}
    assert not {name for name in names if name.startswith("on") or name in ("src", "href", "style")}
    assert "@import" not in text
    assert "url(" not in text
    policy = [each.get("content") for each in root.iter("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]


def test_ids_are_unique_and_every_drawing_is_named_and_described() -> None:
    root = _parsed(FAULTY)
    ids = [each.get("id") for each in root.iter() if each.get("id")]
    assert len(ids) == len(set(ids))
    for drawing in _drawings(root):
        named, described = drawing.find("title"), drawing.find("desc")
        assert named is not None
        assert described is not None
        assert drawing.get("aria-labelledby") == f"{named.get('id')} {described.get('id')}"
        assert len(described.text or "") > 20


def test_the_verdict_its_reasons_and_every_check_are_told() -> None:
    broken = judged(replace(GOOD, proof=replace(GOOD.proof, lost=2, examples=("buyer-1 was told A-1",))), load())
    words = _words(_parsed(broken))
    assert "NO-GO" in words
    assert "Differences, by name" in words
    for check in broken.checks:
        assert check.name in words
        assert check.detail in words
    for reason in broken.reasons:
        assert reason in words


def test_every_series_that_is_known_by_name_is_drawn() -> None:
    drawn = {line.name for plot in plots(GOOD) for line in plot.lines}
    values = {line.values for plot in plots(GOOD) for line in plot.lines}
    assert {name for name, series in GOOD.timeline.series.items() if series not in values} == set()
    assert {
        "arrivals",
        "admissions",
        "waiting",
        "sold, in Redis",
        "rows in MySQL",
        "outbox",
        "p50",
        "p90",
        "p99",
    } <= drawn
    titles = [each.text or "" for each in _parsed(GOOD).iter("title")]
    for process in GOOD.processes:
        for kind in ("CPU", "Memory", "Descriptors"):
            assert any(title.startswith(f"{kind} of {process},") for title in titles)


def test_every_fault_is_shaded_and_named_on_every_drawing() -> None:
    for drawing in _drawings(_parsed(FAULTY)):
        bands = [each for each in drawing.iter("rect") if each.get("class") == "fault"]
        names = [each.text for each in drawing.iter("text") if each.get("class") == "fault-name"]
        assert len(bands) == 2
        assert names == ["kafka-stop", "redis-restart"]
    assert not any(each.get("class") == "fault" for each in _parsed(GOOD).iter("rect"))


def test_a_fault_that_never_healed_lasts_to_the_end_and_one_that_failed_is_not_shaded() -> None:
    faults = (FaultRecord("mysql-stop", "mysql", 10.0), FaultRecord("relay-kill", "relay", 5.0, 5.0, "not running"))
    root = _parsed(replace(GOOD, faults=faults))
    size = Size()
    for drawing in _drawings(root):
        (band,) = [each for each in drawing.iter("rect") if each.get("class") == "fault"]
        if drawing.get("class") == "plot":
            end = float(band.get("x", "0")) + float(band.get("width", "0"))
            assert end == pytest.approx(size.left + size.inner_width, abs=0.2)
    assert "not running" in _words(root)


def test_a_gap_in_the_figures_is_a_gap_in_the_line() -> None:
    plot = Plot("p", "t", "u", (Line("a", (1.0, 2.0, None, 4.0, 5.0, None, 7.0)),))
    drawn = svg(plot, tuple(map(float, range(7))), TimeAxis(6.0), ())
    (path,) = re.findall(r'class="line s1" d="([^"]+)"', drawn)
    assert path.count("M") == 2
    assert drawn.count("<circle") == 1  # what stands alone is a dot


def test_names_from_outside_are_text_and_nothing_else() -> None:
    hostile = replace(
        FAULTY,
        name=HOSTILE,
        url=HOSTILE,
        sale_id=HOSTILE,
        command=HOSTILE,
        verdict=HOSTILE,
        reasons=(HOSTILE,),
        settings={HOSTILE: HOSTILE},
        plan={**FAULTY.plan, HOSTILE: HOSTILE},
        machine=Machine(model=HOSTILE, versions={HOSTILE: HOSTILE}),
        checks=(Check(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, None, HOSTILE),),
        endpoints=(EndpointRecord(HOSTILE, 1, 0, {HOSTILE: 1}),),
        proof=replace(FAULTY.proof, examples=(HOSTILE,)),
        faults=(FaultRecord(HOSTILE, HOSTILE, 1.0, 2.0), FaultRecord("x", HOSTILE, 1.0, 2.0, HOSTILE)),
        processes={HOSTILE: ProcessSeries((1.0, 2.0), (1.0, 2.0), (1.0, 2.0))},
        ledger={**LEDGER, "saleId": HOSTILE, "state": HOSTILE, "findings": [{"detail": HOSTILE}]},
        timeline=Timeline(
            (0.0, 1.0),
            {f"{kind}{HOSTILE}": (1.0, 2.0) for kind in ("kafkaLag.", "refusals.", "generatorCpu.")}
            | {f"latency.{HOSTILE}.p99Ms": (1.0, 2.0)},
        ),
    )
    root = _parsed(hostile)
    assert not {each.tag for each in root.iter()} & {"script", "img"}
    assert not {name for each in root.iter() for name in each.attrib if name.startswith("on")}
    (head,) = [each for each in root.iter("title") if (each.get("id") or "") == ""]
    assert "<script>" in (head.text or "")
    page(hostile).encode("utf-8")


@pytest.mark.parametrize(
    "of", [judged(rehearsal(seconds=1), load()), replace(GOOD, timeline=Timeline((0.0,), {"waiting": (3.0,)}))]
)
def test_a_run_of_a_second_is_drawn(of: Rehearsal) -> None:
    drawn = page(of)
    assert "NaN" not in drawn
    assert "nan" not in re.findall(r' d="([^"]+)"', drawn)
    assert "In the line" in drawn


def test_a_run_of_3000_seconds_is_drawn_in_minutes_and_stays_small() -> None:
    drawn = page(SOAK)
    ElementTree.fromstring(drawn)  # noqa: S314 - our own page
    assert len(drawn) < 1_000_000
    assert "minutes since the doors opened" in drawn
    assert "9,000 bought and 8,990 cancelled." in drawn
    assert "One second in 51; all 3,001 are in report.json." in drawn
    assert max(map(len, re.findall(r' d="([^"]+)"', drawn))) < 10_000


def test_a_spike_of_one_second_survives_however_long_the_run() -> None:
    values = [1.0] * 10_000
    values[7_777] = 99.0
    (run,) = lines(tuple(map(float, range(10_000))), tuple(values))
    assert len(run) <= 480
    assert (7_777.0, 99.0) in run


def test_a_line_of_nothing_but_gaps_is_drawn_in_bounded_time_and_space() -> None:
    values = tuple(1.0 if second % 2 else None for second in range(3_000))
    drawn = svg(Plot("p", "t", "u", (Line("a", values),)), tuple(map(float, range(3_000))), TimeAxis(3_000.0), ())
    assert len(drawn) < 300_000


def test_a_thinned_line_keeps_the_order_of_time() -> None:
    run = [(float(second), float(-second % 7)) for second in range(1_000)]
    kept = thinned(run, 50)
    assert len(kept) <= 100
    assert kept == sorted(kept)


def test_scales_end_at_round_numbers_and_never_below_the_highest_value() -> None:
    assert [top(value) for value in (7.0, 99.0, 1_000.0, 48_211.0)] == [8.0, 100.0, 1_000.0, 60_000.0]
    assert top(0.0) > 0
    for value in (0.013, 1.0, 3.0, 17.0, 1_001.0, 999_999.0):
        assert value <= top(value) <= 2 * value
    assert ticks(1_000, 4) == [0, 500, 1_000]
    assert decades(4.0, 90.0) == (1.0, 100.0)
    assert decades(5.0, 5.0) == (1.0, 10.0)


def test_figures_are_short() -> None:
    assert [short(each) for each in (0, 0.25, 950, 1_500, 20_000, 1_200_000, 3e9)] == [
        "0",
        "0.25",
        "950",
        "1.5k",
        "20k",
        "1.2M",
        "3G",
    ]


def test_a_counter_becomes_what_it_grew_by_and_a_gap_stays_one() -> None:
    assert difference((0.0, 2.0, None, 5.0, 6.0, 1.0)) == (None, 2.0, None, None, 1.0, None)


def test_lines_differ_by_more_than_their_colour() -> None:
    text = page(GOOD)
    dashes = re.findall(r"\.s\d \{ stroke: var\(--c\d\);( stroke-dasharray: [\d ]+;)? \}", text)
    assert len(dashes) == len(set(dashes)) == 6
    plot = Plot("p", "t", "u", (Line("one", (1.0,)), Line("two", (2.0,))))
    assert re.findall(r'class="line (s\d)".*?</svg>(\w+)', legend(plot)) == [("s1", "one"), ("s2", "two")]


def test_a_band_at_the_end_is_named_to_the_left_of_it() -> None:
    plot = Plot("p", "t", "u", (Line("a", (1.0, 2.0)),))
    drawn = svg(plot, (0.0, 1.0), TimeAxis(100.0), (Band("kafka-stop", 99.0, 100.0),))
    assert re.search(r'class="fault-name"[^>]*text-anchor="end"', drawn)


@pytest.mark.parametrize("of", [GOOD, FAULTY, SOAK, judged(_empty(), load())])
def test_the_console_tells_the_verdict_and_every_check(of: Rehearsal) -> None:
    told = summary(of)
    assert of.verdict in told
    for check in of.checks:
        assert check.name in told
