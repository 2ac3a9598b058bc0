"""A page of an exporter as text, as one scrape of a running sale gives it; a test says what is different in its own."""

import re

PAGE = """\
# TYPE onsale_sale_state gauge
onsale_sale_state{sale="spring",state="OPEN"} 1.0
onsale_sale_state{sale="hall",state="PAUSED"} 1.0
# TYPE onsale_sale_capacity_tickets gauge
onsale_sale_capacity_tickets{sale="spring"} 10000.0
onsale_sale_capacity_tickets{sale="hall"} 50.0
# TYPE onsale_sale_tickets gauge
onsale_sale_tickets{sale="spring",state="free"} 9345.0
onsale_sale_tickets{sale="spring",state="held"} 43.0
onsale_sale_tickets{sale="spring",state="confirmed"} 612.0
onsale_sale_tickets{sale="hall",state="free"} 50.0
onsale_sale_tickets{sale="hall",state="held"} 0.0
onsale_sale_tickets{sale="hall",state="confirmed"} 0.0
# TYPE onsale_sale_buyers gauge
onsale_sale_buyers{sale="spring",state="waiting"} 1204.0
onsale_sale_buyers{sale="spring",state="active"} 57.0
# TYPE onsale_sale_admitted_total counter
onsale_sale_admitted_total{sale="spring"} 740.0
# TYPE onsale_sale_refusals_total counter
onsale_sale_refusals_total{code="sold-out",sale="spring"} 0.0
onsale_sale_refusals_total{code="seat-taken",sale="spring"} 31.0
# TYPE onsale_sale_lapses_total counter
onsale_sale_lapses_total{reason="claim-missed",sale="spring"} 3.0
onsale_sale_lapses_total{reason="time-up",sale="spring"} 1.0
onsale_sale_lapses_total{reason="hold-expired",sale="spring"} 12.0
# TYPE onsale_sale_payments gauge
onsale_sale_payments{fate="paid",sale="spring"} 612.0
onsale_sale_payments{fate="hold-expired",sale="spring"} 0.0
# TYPE onsale_sale_version gauge
onsale_sale_version{sale="spring"} 1320.0
# TYPE onsale_outbox_events gauge
onsale_outbox_events{sale="spring"} 4.0
# TYPE onsale_outbox_oldest_age_seconds gauge
onsale_outbox_oldest_age_seconds{sale="spring"} 0.012
# TYPE onsale_kafka_lag_records gauge
onsale_kafka_lag_records{group="onsale-persist",topic="reservation-events"} 7.0
onsale_kafka_lag_records{group="onsale-notify",topic="reservation-events"} 240.0
# TYPE onsale_mysql_tickets gauge
onsale_mysql_tickets{sale="spring",status="HELD"} 41.0
onsale_mysql_tickets{sale="spring",status="CONFIRMED"} 609.0
# TYPE onsale_mysql_refunds gauge
onsale_mysql_refunds{sale="spring",state="due"} 0.0
# TYPE onsale_mysql_last_version gauge
onsale_mysql_last_version{sale="spring"} 1311.0
# TYPE onsale_dead_letters gauge
onsale_dead_letters{sale="",state="open"} 0.0
onsale_dead_letters{sale="spring",state="open"} 0.0
# TYPE onsale_write_behind_seconds histogram
onsale_write_behind_seconds_bucket{le="0.01",sale="spring"} 0.0
onsale_write_behind_seconds_bucket{le="0.1",sale="spring"} 1000.0
onsale_write_behind_seconds_bucket{le="1.0",sale="spring"} 1311.0
onsale_write_behind_seconds_bucket{le="+Inf",sale="spring"} 1311.0
onsale_write_behind_seconds_count{sale="spring"} 1311.0
onsale_write_behind_seconds_sum{sale="spring"} 90.0
# TYPE onsale_http_requests_total counter
onsale_http_requests_total{method="GET",route="/api/v1/sales/{saleId}/queue/status",status="200"} 9000.0
onsale_http_requests_total{method="POST",route="/api/v1/sales/{saleId}/queue/enter",status="200"} 2000.0
onsale_http_requests_total{method="POST",route="/api/v1/sales/{saleId}/reservations/reserve",status="201"} 655.0
onsale_http_requests_total{method="POST",route="/api/v1/sales/{saleId}/reservations/confirm",status="200"} 612.0
onsale_http_requests_total{method="POST",route="/api/v1/sales/{saleId}/reservations/confirm",status="503"} 0.0
# TYPE onsale_http_request_duration_seconds histogram
onsale_http_request_duration_seconds_bucket{le="0.001",method="GET",route="/api/v1/sales/{saleId}/queue/status"} 8000.0
onsale_http_request_duration_seconds_bucket{le="0.01",method="GET",route="/api/v1/sales/{saleId}/queue/status"} 9000.0
onsale_http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/api/v1/sales/{saleId}/queue/status"} 9000.0
# TYPE onsale_process_up gauge
"""
SOURCES = ("redis", "mysql", "kafka", "processes")
PROCESSES = (
    "redis",
    "mysql",
    "kafka",
    "aws",
    "gateway",
    "scheduler",
    "relay",
    "event-source-persist",
    "event-source-dead-letters",
    "event-source-notify-dead-letters",
    "event-source-notify",
    "event-source-statistics",
    "metrics",
    "prometheus",
)


def scrape(later_s: float = 0.0, *, away: tuple[str, ...] = (), **values: float) -> str:
    """Return the page, `later_s` seconds of the same business later; a name in `values` gets its value everywhere."""
    lines = [PAGE.rstrip("\n")]
    lines += [f'onsale_process_up{{process="{name}"}} 1.0' for name in PROCESSES]
    lines.append("# TYPE onsale_process_cpu_seconds_total counter")
    lines += [f'onsale_process_cpu_seconds_total{{process="{name}"}} {10 + later_s * 0.4}' for name in PROCESSES]
    lines += [f'onsale_process_resident_memory_bytes{{process="{name}"}} 125829120.0' for name in PROCESSES]
    lines += [f'onsale_source_up{{source="{name}"}} {float(name not in away)}' for name in SOURCES]
    text = "\n".join(lines) + "\n"
    for prefix, per_second in (
        (r"onsale_sale_admitted_total\{", 20),
        (r'onsale_sale_tickets\{sale="spring",state="confirmed"\}', 18),
        (r'onsale_sale_refusals_total\{code="seat-taken"', 2),
        (r'onsale_http_requests_total\{method="GET"', 1200),
        (r'onsale_http_request_duration_seconds_bucket\{le="0.0', 1200),
        (r'onsale_http_request_duration_seconds_bucket\{le="\+Inf', 1200),
        (r"onsale_write_behind_seconds_bucket\{le=\"(?:0\.1|1\.0|\+Inf)", 18),
    ):
        text = _raised(text, prefix, per_second * later_s)
    for name, value in values.items():
        text = re.sub(rf"^({name}(?:\{{[^}}]*\}})?) .*$", rf"\g<1> {value}", text, flags=re.MULTILINE)
    for source, family in (
        ("redis", "onsale_(sale|outbox)_"),
        ("mysql", "onsale_(mysql|dead)_"),
        ("kafka", "onsale_kafka_"),
    ):
        if source in away:
            text = re.sub(rf"^{family}.*\n", "", text, flags=re.MULTILINE)
    return text


def _raised(text: str, prefix: str, by: float) -> str:
    return re.sub(
        rf"^({prefix}[^\n]*) (\S+)$", lambda found: f"{found[1]} {float(found[2]) + by}", text, flags=re.MULTILINE
    )
