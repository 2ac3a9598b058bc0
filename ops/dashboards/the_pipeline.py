"""The dashboard "The pipeline and its faults": from the outbox to MySQL, and the processes that do it."""

from ops.dashboards.fault_rows import FAULTS, PROCESSES, UP
from ops.dashboards.panels import Dashboard, Panel, Query, Row, Variable

OF_SALE = 'sale="$sale"'


def _write_behind(share: float) -> Query:
    buckets = f"sum by (le) (rate(onsale_write_behind_seconds_bucket{{{OF_SALE}}}[$__rate_interval]))"
    return Query(f"histogram_quantile({share}, {buckets})", f"p{share * 100:g}")


_HEALTH = Row(
    "Is all well?",
    (
        Panel(
            "Alerts firing",
            "Rules of infra/prometheus/alerts.yml that hold now.",
            "Prometheus' own page (`onsale status` tells its port) has them under Alerts, each with what to do.",
            (Query('count(ALERTS{alertstate="firing", alertname=~"Onsale.*"}) or vector(0)'),),
            unit="short",
            kind="stat",
            width=4,
            alarm_at=1,
        ),
        Panel(
            "Sources up",
            "Whether the exporter gets an answer from Redis, Kafka, MySQL and the processes of the stack.",
            "`onsale status`, then `onsale up`, which starts what is missing. Without Redis nothing is sold; without "
            "Kafka or MySQL sales go on, and events wait.",
            (Query("onsale_source_up", "{{source}}"),),
            kind="stat",
            width=6,
            alarm_below=1,
            labels=UP,
        ),
        Panel(
            "Processes down",
            "Processes of the stack that do not run.",
            "`onsale status` names them and their logs; `onsale up` starts them.",
            (Query("count(onsale_process_up == 0) or vector(0)"),),
            unit="short",
            kind="stat",
            width=4,
            alarm_at=1,
        ),
        Panel(
            "Open dead letters",
            "Records that a consumer could not apply, of all sales, and nobody has dealt with.",
            "`onsale dlq list`, `onsale dlq show LETTER`, then `onsale dlq replay` or `onsale dlq discard`.",
            (Query('sum(onsale_dead_letters{state="open"}) or vector(0)'),),
            unit="short",
            kind="stat",
            width=5,
            alarm_at=1,
        ),
        Panel(
            "Events not yet in MySQL",
            "How many versions MySQL is behind Redis. It is above 0 only for moments.",
            "Follow the pipeline below from left to right: outbox, Kafka, consumer. `onsale ledger $sale` tells where "
            "each event is.",
            (
                Query(
                    f"clamp_min(sum(onsale_sale_version{{{OF_SALE}}}) - "
                    f"(sum(onsale_mysql_last_version{{{OF_SALE}}}) or vector(0)), 0)"
                ),
            ),
            unit="short",
            kind="stat",
            width=5,
        ),
    ),
)

_PIPELINE = Row(
    "From Redis to MySQL",
    (
        Panel(
            "Outbox: events",
            "Events of the sale that Kafka has not confirmed. At `--max-outbox` (10,000) nobody is admitted any more.",
            "It grows: the relay or Kafka is away, see Processes; `onsale up` starts what is missing. It drains by "
            "itself.",
            (Query(f"onsale_outbox_events{{{OF_SALE}}}", "waiting"),),
            unit="short",
            alarm_at=10_000,
        ),
        Panel(
            "Outbox: age of the oldest",
            "How long the oldest event has waited for Kafka.",
            "It grows by a second a second: nothing leaves. `onsale status`; the relay's log says what Kafka answers.",
            (Query(f"onsale_outbox_oldest_age_seconds{{{OF_SALE}}} or on() vector(0)", "oldest"),),
            unit="s",
            alarm_at=30,
        ),
        Panel(
            "Kafka: lag by group",
            "Records that a consumer group has not yet done.",
            "One group: its event source (`onsale status`, its log) or what it writes to. All: Kafka. More pollers: "
            "`ONSALE_POLLERS`, then `onsale up`.",
            (Query("sum by (group) (onsale_kafka_lag_records)", "{{group}}"),),
            unit="short",
        ),
        Panel(
            "Write-behind",
            "How long after the sale each row was in MySQL, as a histogram over time.",
            "Dark cells climb: MySQL or the consumer is slower than the sale. See Slow queries, and CPU of "
            "event-source-persist; `onsale bench persistence` measures it alone.",
            (
                Query(
                    f"sum by (le) (increase(onsale_write_behind_seconds_bucket{{{OF_SALE}}}[$__rate_interval]))",
                    "{{le}}",
                ),
            ),
            unit="s",
            kind="heatmap",
        ),
        Panel(
            "Write-behind: percentiles",
            "The same as p50, p90 and p99.",
            "Above 10 s for long: as left. After an outage it is as long as the outage, once; `onsale ledger $sale "
            "--wait 60` says when all is there.",
            (_write_behind(0.5), _write_behind(0.9), _write_behind(0.99)),
            unit="s",
            alarm_at=10,
        ),
        Panel(
            "Rows by outcome",
            "Rows a second that MySQL took (applied), that were older than what it had (stale), or that it had already "
            "(duplicate).",
            "Stale and duplicate ones are harmless, and normal after a replay or a restart. Many for long: a batch is "
            "sent again and again, see Records dead or left; `onsale status` has the log of event-source-persist.",
            (
                Query(
                    "sum by (outcome) (rate(onsale_persist_rows_total[$__rate_interval])) or on() vector(0)",
                    "{{outcome}}",
                ),
            ),
            unit="cps",
        ),
        Panel(
            "Redis and MySQL: version",
            "The last version of the sale in Redis, and the last that MySQL has. The lines lie on each other.",
            "A gap that stays: `onsale ledger $sale` names the versions that are missing and where they are.",
            (
                Query(f"onsale_sale_version{{{OF_SALE}}}", "Redis"),
                Query(f"sum(onsale_mysql_last_version{{{OF_SALE}}}) or vector(0)", "MySQL"),
            ),
            unit="short",
            width=6,
        ),
        Panel(
            "Redis and MySQL: sold tickets",
            "Tickets that are sold, as Redis and as MySQL has it.",
            "A gap that stays while the versions agree: `onsale ledger $sale` names each buyer and ticket that "
            "differs; an open dead letter explains it, `onsale dlq list --sale $sale`.",
            (
                Query(f'onsale_sale_tickets{{{OF_SALE}, state="confirmed"}}', "Redis"),
                Query(f'sum(onsale_mysql_tickets{{{OF_SALE}, status="CONFIRMED"}}) or vector(0)', "MySQL"),
            ),
            unit="short",
            width=6,
        ),
        Panel(
            "MySQL: purchases by status",
            "Reservations in MySQL by status, and refunds that are due or settled.",
            "Held ones that stay after the sale has closed: `onsale ledger $sale`; `onsale purchases $sale --status "
            "HELD`.",
            (
                Query(f"sum by (status) (onsale_mysql_purchases{{{OF_SALE}}}) or on() vector(0)", "{{status}}"),
                Query(
                    f"sum by (state) (onsale_mysql_refunds{{{OF_SALE}}}) or on() vector(0)",
                    "refund {{state}}",
                ),
            ),
            unit="short",
            width=6,
        ),
        Panel(
            "MySQL: slow queries",
            "Queries that took longer than MySQL's `long_query_time`, each minute.",
            "The slow query log beside MySQL's own (`onsale status` says where it lies) has them. Disk or lock waits; "
            "a missing index: `onsale migrate`.",
            (Query("60 * sum(rate(onsale_mysql_slow_queries_total[$__rate_interval])) or vector(0)", "a minute"),),
            unit="short",
            width=6,
        ),
    ),
)

PIPELINE = Dashboard(
    "onsale-pipeline",
    "The pipeline and its faults",
    "What lies behind the sale: outbox, Kafka, consumers, MySQL, dead letters, processes.",
    (Variable("sale", "onsale_sale_capacity_tickets"), Variable("process", "onsale_process_up", several=True)),
    (_HEALTH, _PIPELINE, FAULTS, PROCESSES),
)
