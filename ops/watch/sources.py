"""Where looks come from: the exporter of this machine's stack, or the operator's function of a deployed stage."""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from chalicelib.config import settings
from chalicelib.errors import OnsaleError
from ops.exposition import ExporterAway, Exposition, Labels, read
from ops.local.home import Home
from ops.local.ports import HOST
from ops.watch.reading import sale_ids
from ops.watch.wording import UNKNOWN

_PORT = "ONSALE_METRICS_PORT"
_HINT = "`onsale up` starts it, `onsale status` says what runs"


class Source(Protocol):
    """Something that can be looked at again and again."""

    unseen: str  # what stands for a figure that it does not give
    helps: str  # which command says more when it does not answer

    def look(self) -> Exposition:
        """Look once. Raises OnsaleError where it cannot be reached now; it may be the next time."""


class Exporter:
    """The process `metrics` of the local stack."""

    unseen, helps = UNKNOWN, "onsale status"

    def __init__(self, url: str) -> None:
        self._url = url

    def look(self) -> Exposition:
        """Read its page. Raises ExporterAway."""
        try:
            return read(self._url)
        except ExporterAway as error:
            raise ExporterAway(f"the exporter {error.detail}; {_HINT}") from error


class Operator:
    """`sale.show` of a deployed stage, as if it were an exporter that knows little."""

    unseen, helps = "not seen from here", "onsale sale show"

    def __init__(self, operate: Callable[..., Any], sale_id: str) -> None:
        self._operate, self._sale_id = operate, sale_id

    def look(self) -> Exposition:
        """Ask once. Raises OnsaleError."""
        return of_sale(self._operate("sale.show", saleId=self._sale_id), time.monotonic())


def exporter_url(environment: Mapping[str, str] = os.environ) -> str:
    """Return where the exporter is: the port that is asked for, else the one that `up` gave it in this home.

    Raises ExporterAway where nothing was ever started: another stack may have the default port.
    """
    chosen = settings()
    home = Home.of(chosen.home)
    port = chosen.metrics_port if environment.get(_PORT) else home.read_state().ports.get("metrics")
    if port is None:
        raise ExporterAway(f"no exporter has been started in {home.path}; {_HINT}")
    return f"http://{HOST}:{port}/metrics"


def of_sale(sale: Mapping[str, Any], at_s: float) -> Exposition:
    """Return what `sale.show` says under the exporter's names. Who was admitted is who the line has passed."""
    mine = {"sale": str(sale["saleId"])}
    told: list[tuple[str, dict[str, str], object]] = [
        ("onsale_sale_state", {"state": str(sale["state"])}, 1),
        ("onsale_sale_capacity_tickets", {}, sale["capacity"]),
        ("onsale_sale_tickets", {"state": "free"}, sale["remaining"]),
        ("onsale_sale_tickets", {"state": "held"}, sale["held"]),
        ("onsale_sale_tickets", {"state": "confirmed"}, sale["confirmed"]),
        ("onsale_sale_buyers", {"state": "waiting"}, sale["waiting"]),
        ("onsale_sale_buyers", {"state": "active"}, sale["active"]),
        ("onsale_sale_admitted_total", {}, sale["admittedThrough"]),
        ("onsale_outbox_events", {}, sale["outbox"]),
        ("onsale_dead_letters", {"state": "open"}, sale.get("openDeadLetters")),
    ]
    samples: dict[str, dict[Labels, float]] = {}
    for name, labels, value in told:
        if isinstance(value, int | float):
            samples.setdefault(name, {})[tuple(sorted({**mine, **labels}.items()))] = float(value)
    return Exposition(at_s, samples)


def refuse_unknown_sale(look: Exposition, sale_id: str) -> None:
    """Raise OnsaleError `no-such-sale`, naming those there are, unless the sale is seen or Redis is not."""
    known = sale_ids(look)
    redis_is_away = look.value("onsale_source_up", source="redis") == 0
    if sale_id in known or redis_is_away:
        return
    there = f"there are: {', '.join(known)}" if known else "there is none yet: onsale sale create"
    raise OnsaleError("no-such-sale", f"no sale {sale_id}; {there}")
