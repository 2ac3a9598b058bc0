"""Run the exporter: `python -m ops.metrics`, on ONSALE_METRICS_PORT. It needs no server to be there."""

import logging
import sys
from functools import partial

from chalicelib.config import settings
from functions.mysql import Database
from ops.local import ports
from ops.local.home import Home
from ops.metrics import shared
from ops.metrics.exporter import Exporter
from ops.metrics.kafka_figures import KafkaFigures
from ops.metrics.mysql_figures import COUNT_WITHIN_S, mysql_figures, purchase_figures
from ops.metrics.names import FOLDER
from ops.metrics.process_figures import process_figures
from ops.metrics.redis_figures import redis_figures
from ops.metrics.server import MetricsServer
from ops.metrics.source import Source


class SaleNames:
    """The sales that Redis had when it last answered: MySQL is asked for these."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()

    def are(self, names: tuple[str, ...]) -> None:
        """Note the names."""
        self._names = names

    def __call__(self) -> tuple[str, ...]:
        """Return the names."""
        return self._names


def sources(home: Home) -> list[Source]:
    """Return what the exporter of a stack reads; nothing is connected before the first scrape."""
    names = SaleNames()
    return [
        Source("redis", partial(redis_figures, names.are)),
        Source("mysql", partial(mysql_figures, Database(), names)),
        Source("purchases", partial(purchase_figures, Database(read_timeout_s=COUNT_WITHIN_S), names), kept_s=60.0),
        Source("kafka", KafkaFigures(settings())),
        Source("workers", partial(shared.added, home.run / FOLDER)),
        Source("processes", partial(process_figures, home)),
    ]


def main() -> None:
    """Serve until killed: there is nothing to put away."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    chosen = settings()
    server = MetricsServer(chosen.metrics_port, Exporter(sources(Home.of(chosen.home))))
    print(f"metrics on http://{ports.HOST}:{chosen.metrics_port}/metrics")  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    main()
