"""Metrics are named as Prometheus asks for, and what is told of them can be read by it."""

import re

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ops.metrics.catalogue import COUNTER, GAUGE, HISTOGRAM, METRICS, Figures, MetricDoc
from ops.metrics.exporter import Once

# Plain things that are counted; the rest ends in a base unit. Source: Prometheus, "Metric and label naming".
THINGS = {"admitted", "again", "claimed", "events", "fds", "lapses", "left", "letters", "limit", "numbers", "payments"}
THINGS |= {"pulses", "purchases", "queries", "records", "refunds", "refusals", "requests", "rows", "tickets", "buyers"}
THINGS |= {"state", "up", "version"}
UNITS = {"seconds", "bytes"}


@pytest.mark.parametrize("name", METRICS)
def test_a_name_follows_the_conventions(name: str) -> None:
    doc = METRICS[name]
    assert re.fullmatch(r"onsale(_[a-z]+)+", name)
    assert name.endswith("_total") == (doc.kind == COUNTER)
    assert name.removesuffix("_total").rpartition("_")[2] in THINGS | UNITS
    assert not re.search(r"_(ms|milliseconds|percent|count|sum|bucket|info|created)$", name)
    assert doc.kind != HISTOGRAM or name.endswith("_seconds")


@pytest.mark.parametrize("doc", METRICS.values(), ids=METRICS)
def test_every_metric_says_in_one_line_what_it_is(doc: MetricDoc) -> None:
    assert len(doc.help) > 10
    assert not doc.help.endswith(".")
    assert "|" not in doc.help
    assert "\n" not in doc.help
    assert doc.kind in (COUNTER, GAUGE, HISTOGRAM)
    assert all(re.fullmatch(r"[a-z]+", label) for label in doc.labels)


def test_what_is_told_can_be_read_again() -> None:
    figures = Figures()
    expected = {}
    for name, doc in METRICS.items():
        if doc.kind != HISTOGRAM:
            labels = [f'{label} "quoted"\\\n' for label in doc.labels]
            figures.add(name, 7.5, *labels)
            expected[name] = (doc.kind, doc.help, dict(zip(doc.labels, labels, strict=True)))
    registry = CollectorRegistry()
    registry.register(Once(figures.families()))

    found = {
        sample.name: (family.type, family.documentation, sample.labels)
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
        if sample.value == 7.5
    }

    assert found == expected


def test_a_figure_that_is_in_no_catalogue_is_a_bug() -> None:
    with pytest.raises(KeyError):
        Figures().add("onsale_sale_moods", 1)
