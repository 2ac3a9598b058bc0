"""From looks to figures: which metric is which figure, and over which time a rate or a quantile is taken."""

from dataclasses import replace

from ops.exposition import Exposition
from ops.watch.figures import Figures, Process, Route
from ops.watch.history import MINUTE_S, History, as_read

RECENT_S = 10.0  # for what jumps about from one second to the next
_PULSES_OVER_S = 30.0
_ADMITTED = "onsale_sale_admitted_total"
_REQUESTS, _DURATION = "onsale_http_requests_total", "onsale_http_request_duration_seconds"
_WRITTEN = "onsale_write_behind_seconds"
_OF_WORKERS = (_REQUESTS, f"{_DURATION}_bucket", f"{_WRITTEN}_bucket")
_API = "/api/v1"
_PREFIX = "onsale-"  # of consumer groups, unless KAFKA_GROUP_PREFIX says otherwise; shown without


def figures(look: Exposition, history: History, sale_id: str) -> Figures:
    """Return what a look says of a sale, with what came before; without anything before there are no rates."""
    recent, minute = (_counting(history.since(seconds, look.at_s)) for seconds in (RECENT_S, MINUTE_S))
    redis, redis_before = as_read(look, "redis"), history.before(look, "redis")
    workers, workers_before = as_read(look, "workers"), _counting(history.before(look, "workers"))
    pace = redis.rate(_ADMITTED, as_read(recent, "redis"), sale=sale_id) if recent else None
    stands = _stands(look, sale_id)
    found = replace(
        stands,
        drain_s=stands.waiting / pace if stands.waiting and pace else None,
        pulses_per_s=_pulses(look, minute),
        processes=_processes(as_read(look, "processes"), history.before(look, "processes")),
    )
    if redis_before:
        found = replace(
            found,
            admitted_per_s=redis.rate(_ADMITTED, redis_before, sale=sale_id),
            sold_per_s=_sold_per_s(redis, redis_before, sale_id),
            refused_per_s=redis.rates("onsale_sale_refusals_total", "code", redis_before, sale=sale_id),
        )
    if recent and minute and workers_before:
        found = replace(
            found,
            written_p50_s=look.quantile(_WRITTEN, 0.5, minute, sale=sale_id),
            written_p99_s=look.quantile(_WRITTEN, 0.99, minute, sale=sale_id),
            requests_per_s=workers.rate(_REQUESTS, workers_before),
            p50_s=look.quantile(_DURATION, 0.5, recent),
            p99_s=look.quantile(_DURATION, 0.99, recent),
            routes=_routes(workers, workers_before, recent),
        )
    return found


def _stands(look: Exposition, sale_id: str) -> Figures:
    """Return what one look says by itself."""
    version = look.value("onsale_sale_version", sale=sale_id)
    written = look.value("onsale_mysql_last_version", sale=sale_id)
    return Figures(
        sale_id=sale_id,
        state=look.label("onsale_sale_state", "state", sale=sale_id),
        capacity=look.value("onsale_sale_capacity_tickets", sale=sale_id),
        free=_tickets(look, sale_id, "free"),
        held=_tickets(look, sale_id, "held"),
        sold=_tickets(look, sale_id, "confirmed"),
        waiting=look.value("onsale_sale_buyers", sale=sale_id, state="waiting"),
        active=look.value("onsale_sale_buyers", sale=sale_id, state="active"),
        lapses=look.series("onsale_sale_lapses_total", "reason", sale=sale_id),
        payments=look.series("onsale_sale_payments", "fate", sale=sale_id),
        refunds_due=look.value("onsale_mysql_refunds", sale=sale_id, state="due"),
        outbox=look.value("onsale_outbox_events", sale=sale_id),
        outbox_age_s=look.value("onsale_outbox_oldest_age_seconds", sale=sale_id),
        most_outbox=look.value("onsale_sale_max_outbox_events", sale=sale_id),
        lag={name.removeprefix(_PREFIX): lag for name, lag in look.series("onsale_kafka_lag_records", "group").items()},
        recorded=look.series("onsale_mysql_tickets", "status", sale=sale_id),
        behind=None if version is None or written is None else max(0.0, version - written),
        dead=look.value("onsale_dead_letters", sale=sale_id, state="open"),
        dead_of_no_sale=look.value("onsale_dead_letters", sale="", state="open"),
        sources={name: bool(is_up) for name, is_up in look.series("onsale_source_up", "source").items()},
    )


def points(figures: Figures) -> dict[str, float | None]:
    """Return the figures that have a sparkline."""
    return {
        "waiting": figures.waiting,
        "sold_per_s": figures.sold_per_s,
        "refused_per_s": sum(figures.refused_per_s.values()) if figures.refused_per_s else None,
        "outbox": figures.outbox,
        "lag": max(figures.lag.values(), default=None),
        "behind": figures.behind,
        "requests_per_s": figures.requests_per_s,
        "p99_s": figures.p99_s,
    }


def sale_ids(look: Exposition) -> list[str]:
    """Return the sales that a look knows."""
    return sorted(look.series("onsale_sale_capacity_tickets", "sale"))


def _tickets(look: Exposition, sale_id: str, state: str) -> float | None:
    return look.value("onsale_sale_tickets", sale=sale_id, state=state)


def _sold_per_s(look: Exposition, before: Exposition, sale_id: str) -> float | None:
    """A purchase that is cancelled meanwhile counts against it; what is given back is not below nothing."""
    now, then = _tickets(look, sale_id, "confirmed"), _tickets(before, sale_id, "confirmed")
    elapsed_s = look.at_s - before.at_s
    return max(0.0, now - then) / elapsed_s if now is not None and then is not None and elapsed_s > 0 else None


def _counting(look: Exposition | None) -> Exposition | None:
    """Let what no worker had counted yet begin at nothing, where the workers were heard at all."""
    if look is None or not look.value("onsale_source_up", source="workers"):
        return look
    return replace(look, samples={**{name: {} for name in _OF_WORKERS}, **look.samples})


def _pulses(look: Exposition, since: Exposition | None) -> dict[str, float]:
    """They are told every few seconds: a window that is much shorter than a minute would show none."""
    if since is None or look.at_s - since.at_s < _PULSES_OVER_S:
        return {}
    return look.rates("onsale_function_pulses_total", "function", since)


def _routes(look: Exposition, before: Exposition, recent: Exposition) -> tuple[Route, ...]:
    found = []
    for route in look.series(_REQUESTS, "route"):
        for method in look.series(_REQUESTS, "method", route=route):
            labels = {"route": route, "method": method}
            rates = look.rates(_REQUESTS, "status", before, **labels)
            found.append(
                Route(
                    method=method,
                    route=route.removeprefix(_API),
                    per_second=sum(rates.values()),
                    failed_per_second=sum(rate for status, rate in rates.items() if status.startswith("5")),
                    p50_s=look.quantile(_DURATION, 0.5, recent, **labels),
                    p99_s=look.quantile(_DURATION, 0.99, recent, **labels),
                )
            )
    return tuple(sorted(found, key=lambda each: (-each.per_second, each.route, each.method)))


def _processes(look: Exposition, before: Exposition | None) -> tuple[Process, ...]:
    cpu = look.rates("onsale_process_cpu_seconds_total", "process", before) if before else {}
    memory = look.series("onsale_process_resident_memory_bytes", "process")
    return tuple(
        Process(name, bool(is_up), cpu.get(name), memory.get(name))
        for name, is_up in look.series("onsale_process_up", "process").items()
    )
