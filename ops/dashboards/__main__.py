"""Writes the dashboards' files anew from their declarations: `make dashboards`."""

import json
from pathlib import Path

from ops.dashboards.grafana import document
from ops.dashboards.the_pipeline import PIPELINE
from ops.dashboards.the_sale import SALE

PROJECT = Path(__file__).resolve().parents[2]
DASHBOARDS = {"infra/grafana/dashboards/sale.json": SALE, "infra/grafana/dashboards/pipeline.json": PIPELINE}


def written() -> dict[str, str]:
    """Return every file's content, by its path in the project."""
    return {path: json.dumps(document(each), indent=1, ensure_ascii=False) + "\n" for path, each in DASHBOARDS.items()}


if __name__ == "__main__":
    for name, content in written().items():
        (PROJECT / name).write_text(content, encoding="utf-8")
