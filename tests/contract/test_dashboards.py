"""The dashboards are what their declarations say, ask only for what the exporter tells, and say what to do."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.dashboards.__main__ import DASHBOARDS, written
from ops.dashboards.grafana import HEADING_HEIGHT, SOURCE, WIDTH, document
from ops.dashboards.panels import Dashboard, Panel
from ops.metrics.catalogue import METRICS
from tests.contract import promql

PROJECT = Path(__file__).resolve().parents[2]
PANELS = [(each, panel) for each in DASHBOARDS.values() for panel in each.panels()]
each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=lambda each: each.uid)
each_panel = pytest.mark.parametrize(("dashboard", "panel"), PANELS, ids=lambda each: getattr(each, "title", ""))
Json = dict[str, Any]


def kept(name: str) -> str:
    path = PROJECT / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def panels_of(found: Json) -> list[Json]:
    return [each for each in found["panels"] if each["type"] != "row"]


@pytest.mark.parametrize("name", written())
def test_the_committed_files_are_what_the_code_says(name: str) -> None:
    assert kept(name) == written()[name], f"{name} is not what the code says: run `make dashboards`"


def test_no_other_file_lies_where_grafana_reads_dashboards() -> None:
    there = {f"infra/grafana/dashboards/{path.name}" for path in (PROJECT / "infra/grafana/dashboards").iterdir()}
    assert there == set(written())


@each_panel
def test_a_panel_says_what_it_shows_and_what_to_do_with_commands_that_there_are(
    dashboard: Dashboard, panel: Panel
) -> None:
    assert panel.title
    assert panel.unit
    assert panel.shows.endswith(".")
    assert panel.do.endswith(".")
    lines = promql.commands(panel.do)
    assert lines, "no command"
    assert [fault for line in lines for fault in promql.faults(line)] == []


@each_panel
def test_a_panel_asks_only_for_what_the_exporter_tells(dashboard: Dashboard, panel: Panel) -> None:
    assert panel.queries
    for query in panel.queries:
        assert promql.unknown(query.expression) == []
        assert query.expression.count("(") == query.expression.count(")")


@each_dashboard
def test_a_dashboard_is_laid_out_without_overlaps(dashboard: Dashboard) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in document(dashboard)["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= WIDTH
        taken |= cells
    heights = {y for _, y in taken}
    assert heights == set(range(len(heights)))
    assert HEADING_HEIGHT in heights


@each_dashboard
def test_ids_are_small_and_unique_and_titles_too(dashboard: Dashboard) -> None:
    panels = document(dashboard)["panels"]
    ids = [each["id"] for each in panels]
    titles = [each["title"] for each in panels]
    assert len(set(ids)) == len(ids)
    assert max(ids) < 1000
    assert len(set(titles)) == len(titles)


@each_dashboard
def test_every_query_goes_to_the_source_that_the_reader_chooses(dashboard: Dashboard) -> None:
    found = document(dashboard)
    (source,) = (each for each in found["templating"]["list"] if each["type"] == "datasource")
    assert {"type": source["query"], "uid": f"${{{source['name']}}}"} == SOURCE
    for panel in panels_of(found):
        assert panel["datasource"] == SOURCE
        assert [target["datasource"] for target in panel["targets"]] == [SOURCE] * len(panel["targets"])
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    for variable in found["templating"]["list"][1:]:
        assert variable["datasource"] == SOURCE


@each_dashboard
def test_every_variable_is_a_label_of_its_metric_and_every_one_that_is_used_is_there(dashboard: Dashboard) -> None:
    for variable in dashboard.variables:
        assert variable.name in METRICS[variable.metric].labels
    text = "".join(query.expression for panel in dashboard.panels() for query in panel.queries)
    used = {name for name in ("sale", "process") if f"${name}" in text}
    assert used == {variable.name for variable in dashboard.variables}


def test_grafana_takes_the_scrape_interval_for_that_of_prometheus() -> None:
    scraped = yaml.safe_load(kept("infra/prometheus/prometheus.yml"))["global"]["scrape_interval"]
    (source,) = yaml.safe_load(kept("infra/grafana/provisioning/datasources/prometheus.yml"))["datasources"]
    assert source["jsonData"]["timeInterval"] == scraped
    assert source["type"] == SOURCE["type"]


def test_a_panel_that_is_inserted_moves_no_id_of_another_row() -> None:
    def ids(row_count: int) -> dict[str, int]:
        dashboard = next(iter(DASHBOARDS.values()))
        rows = (*dashboard.rows[:row_count],)
        found = document(Dashboard(dashboard.uid, dashboard.title, dashboard.description, dashboard.variables, rows))
        return {each["title"]: each["id"] for each in found["panels"]}

    every = ids(99)
    assert {title: every[title] for title in ids(2)} == ids(2)


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ('onsale_sale_ticket{sale="s"} > 0', ["onsale_sale_ticket"]),
        ('rate(onsale_sale_left_total{sail="s"}[1m])', ["onsale_sale_left_total{sail}"]),
        ('onsale_write_behind_seconds_bucket{le="1"}', []),
        ("onsale_sale_left_total_bucket", ["onsale_sale_left_total_bucket"]),
    ],
)
def test_what_the_exporter_does_not_tell_is_found(expression: str, wrong: list[str]) -> None:
    assert promql.unknown(expression) == wrong


@pytest.mark.parametrize("line", ["onsale sail show x", "onsale dlq", "onsale sale configure ID --hold-second 3"])
def test_a_command_that_there_is_not_is_found(line: str) -> None:
    assert len(promql.faults(line)) == 1


def test_the_files_are_json_that_names_a_dashboard_of_grafana_11_or_12() -> None:
    for name in written():
        found = json.loads(kept(name))
        assert 39 <= found["schemaVersion"] <= 42  # 39: Grafana 11.0, 42: Grafana 12.2
        assert found["uid"].startswith("onsale-")
