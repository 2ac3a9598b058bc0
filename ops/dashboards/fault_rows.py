"""The rows of what went wrong, and of the processes that do the work."""

from ops.dashboards.panels import Panel, Query, Row

OF_PROCESS = 'process=~"$process"'
UP = ((0.0, "down"), (1.0, "up"))

FAULTS = Row(
    "What went wrong",
    (
        Panel(
            "Dead letters",
            "Dead letters of all sales by state: open, replayed, discarded.",
            "`onsale dlq list`, `onsale dlq show LETTER`; `onsale dlq replay LETTER` once its cause is gone.",
            (Query("sum by (state) (onsale_dead_letters) or on() vector(0)", "{{state}}"),),
            unit="short",
            width=8,
        ),
        Panel(
            "Records dead or left",
            "Records a second that a function gave up (dead: they are dead letters now) or left for a later try "
            "(left: an outage).",
            "Left: MySQL, SNS or SES is away, `onsale status`. Dead: `onsale dlq list`.",
            (
                Query(
                    "sum by (function, outcome) "
                    '(rate(onsale_function_records_total{outcome=~"dead|left"}[$__rate_interval])) or on() vector(0)',
                    "{{function}} {{outcome}}",
                ),
            ),
            unit="cps",
            width=8,
        ),
        Panel(
            "Pulse of the loops",
            "Good rounds a second of promote, which admits buyers, and relay, which brings events to Kafka. 5 and "
            "more, with much to do and with nothing.",
            "Near 0: the loop is dead, or what it needs is away: `onsale status`, the logs of scheduler and relay, "
            "`onsale up`.",
            (Query("sum by (function) (rate(onsale_function_pulses_total[$__rate_interval]))", "{{function}}"),),
            unit="cps",
            width=8,
            alarm_below=1,
        ),
    ),
)

PROCESSES = Row(
    "Processes",
    (
        Panel(
            "Up",
            "Whether each process of the stack runs.",
            "`onsale status` has its log; `onsale up` starts it.",
            (Query(f"onsale_process_up{{{OF_PROCESS}}}", "{{process}}"),),
            kind="state-timeline",
            alarm_below=1,
            labels=UP,
        ),
        Panel(
            "CPU",
            "Cores that each process uses, its children included.",
            "Redis near 1: one sale is one core, that is the limit. The gateway at all cores: "
            "`ONSALE_GATEWAY_WORKERS`, or another machine for those who ask; `onsale bench` says what this one can do.",
            (Query(f"rate(onsale_process_cpu_seconds_total{{{OF_PROCESS}}}[$__rate_interval])", "{{process}}"),),
            unit="none",
        ),
        Panel(
            "Memory",
            "Resident memory of each process, its children included.",
            "Redis grows with buyers and keeps them: `onsale sale archive ID` lets finished sales go. Any other must "
            "be flat; one that grows for hours leaks.",
            (Query(f"onsale_process_resident_memory_bytes{{{OF_PROCESS}}}", "{{process}}"),),
            unit="bytes",
        ),
        Panel(
            "Open files",
            "Files and sockets that each process has open, its children included.",
            "The gateway has one for each connection. Any other must be flat. Near `ulimit -n`: raise it, then "
            "`onsale down` and `onsale up`.",
            (Query(f"onsale_process_open_fds{{{OF_PROCESS}}}", "{{process}}"),),
            unit="short",
            width=12,
        ),
        Panel(
            "Scrape",
            "How long the exporter asks each source. That it takes long where a server is away is no fault of its own.",
            "Above a second: the source is overloaded or away; `onsale status`.",
            (Query("onsale_scrape_seconds", "{{source}}"),),
            unit="s",
            width=12,
            alarm_at=1,
        ),
    ),
)
