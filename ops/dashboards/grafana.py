"""A dashboard as the JSON document that Grafana 11 and 12 read from a folder."""

from typing import Any

from ops.dashboards.panels import Dashboard, Panel, Query, Row, Variable

SCHEMA_VERSION = 41
SOURCE = {"type": "prometheus", "uid": "${source}"}
HEADING_HEIGHT = 1
HEIGHTS = {"stat": 4, "timeseries": 8, "heatmap": 8, "state-timeline": 8}
WIDTH = 24
_IDS_OF_A_ROW = 100

Json = dict[str, Any]


def document(dashboard: Dashboard) -> Json:
    """Return the whole document. The same declaration gives the same document, ids included."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["onsale"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "timepicker": {"refresh_intervals": ["2s", "5s", "10s", "30s", "1m", "5m"]},
        "links": [_link()],
        "templating": {"list": [_source(), *(_variable(each) for each in dashboard.variables)]},
        "annotations": {"list": [_alerts()]},
        "panels": _placed(dashboard.rows),
    }


def _placed(rows: tuple[Row, ...]) -> list[Json]:
    """Return headings and panels from left to right and top to bottom. What follows in other rows keeps its id."""
    found: list[Json] = []
    top = 0
    for number, row in enumerate(rows, start=1):
        first_id = number * _IDS_OF_A_ROW
        place = {"x": 0, "y": top, "w": WIDTH, "h": HEADING_HEIGHT}
        found.append({"id": first_id, "type": "row", "title": row.title, "collapsed": False, "gridPos": place})
        found[-1]["panels"] = []
        top, left, tallest = top + HEADING_HEIGHT, 0, 0
        for offset, panel in enumerate(row.panels, start=1):
            height = HEIGHTS[panel.kind]
            if left + panel.width > WIDTH:
                top, left, tallest = top + tallest, 0, 0
            place = {"x": left, "y": top, "w": panel.width, "h": height}
            found.append({"id": first_id + offset, "gridPos": place, **_panel(panel)})
            left, tallest = left + panel.width, max(tallest, height)
        top += tallest
    return found


def _panel(panel: Panel) -> Json:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": f"{panel.shows}\n\n**When it looks bad:** {panel.do}",
        "datasource": SOURCE,
        "targets": [_target(chr(ord("A") + number), each, panel) for number, each in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _OPTIONS[panel.kind] | ({"textMode": "name"} if panel.named else {}),
    }


def _target(letter: str, query: Query, panel: Panel) -> Json:
    return {
        "refId": letter,
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": query.expression,
        "legendFormat": query.legend or "__auto",
        "range": True,
        "instant": False,
        "format": "heatmap" if panel.kind == "heatmap" else "time_series",
    }


def _field(panel: Panel) -> Json:
    """Return how values are shown: their unit, their colours, their names, and how a line is drawn."""
    steps: list[Json] = [{"color": "green", "value": None}]
    if panel.alarm_at is not None:
        steps.append({"color": "red", "value": panel.alarm_at})
    elif panel.alarm_below is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": panel.alarm_below}]
    field: Json = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.labels:
        options = {f"{value:g}": {"text": text, "index": place} for place, (value, text) in enumerate(panel.labels)}
        field["mappings"] = [{"type": "value", "options": options}]
    if panel.kind == "timeseries":
        field |= {"min": 0, "color": {"mode": "palette-classic"}, "custom": _line(panel)}
    elif panel.kind != "heatmap":
        field["color"] = {"mode": "thresholds"}
    return field


def _line(panel: Panel) -> Json:
    alarmed = panel.alarm_at is not None or panel.alarm_below is not None
    return {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 40 if panel.stacked else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if alarmed else "off"},
    }


_OPTIONS: dict[str, Json] = {
    "timeseries": {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"], "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area",
        "textMode": "auto",
    },
    "heatmap": {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5},
        "yAxis": {"unit": "s", "axisPlacement": "left"},
        "tooltip": {"mode": "single", "yHistogram": True},
        "legend": {"show": True},
    },
    "state-timeline": {
        "showValue": "never",
        "rowHeight": 0.8,
        "mergeValues": True,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        "tooltip": {"mode": "single"},
    },
}


def _source() -> Json:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}


def _variable(variable: Variable) -> Json:
    query = f"label_values({variable.metric}, {variable.name})"
    found: Json = {
        "name": variable.name,
        "label": variable.name,
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": variable.name},
        "refresh": 2,  # whenever the time range changes: sales come and go
        "sort": 1,
        "hide": 0,
    }
    if variable.several:
        everything = {"selected": True, "text": ["All"], "value": ["$__all"]}
        found |= {"multi": True, "includeAll": True, "allValue": ".*", "current": everything}
    return found


def _alerts() -> Json:
    """Return what marks the times at which an alert of infra/prometheus/alerts.yml fired."""
    return {
        "name": "alerts",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertstate="firing", alertname=~"Onsale.*"}',
        "titleFormat": "{{alertname}}",
        "step": "10s",
    }


def _link() -> Json:
    return {
        "title": "onsale",
        "type": "dashboards",
        "tags": ["onsale"],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
    }
