"""The row of the API's answers: the gateway's, of all sales."""

from ops.dashboards.panels import Panel, Query, Row


def _latency(share: float) -> Query:
    buckets = "sum by (le, method, route) (rate(onsale_http_request_duration_seconds_bucket[$__rate_interval]))"
    return Query(f"histogram_quantile({share}, {buckets})", "{{method}} {{route}}")


HTTP = Row(
    "HTTP (all sales)",
    (
        Panel(
            "Requests by route",
            "Requests a second that the gateway answered.",
            "Far more polls than waiting buyers explain: clients ignore `pollAfterSeconds`; set `RATE_LIMIT` and "
            "`onsale up`.",
            (
                Query(
                    "sum by (method, route) (rate(onsale_http_requests_total[$__rate_interval]))",
                    "{{method}} {{route}}",
                ),
            ),
            unit="reqps",
            width=12,
        ),
        Panel(
            "Answers by status",
            "Answers a second by their status. 4xx tell buyers no, which is what a sold-out sale does all day.",
            "429: `RATE_LIMIT` holds somebody back; set another, then `onsale up`. 5xx: see the next panel.",
            (Query("sum by (status) (rate(onsale_http_requests_total[$__rate_interval]))", "{{status}}"),),
            unit="reqps",
            width=6,
        ),
        Panel(
            "5xx",
            "Answers a second that are our fault.",
            "503 is Redis away: `onsale status`, then `onsale up`, which starts what is missing. 500 is a fault in the "
            "code: the gateway's log (`onsale status` says where it lies).",
            (Query('sum(rate(onsale_http_requests_total{status=~"5.."}[$__rate_interval])) or vector(0)', "5xx"),),
            unit="reqps",
            width=6,
            alarm_at=0.1,
        ),
        *(
            Panel(
                f"p{share * 100:g} by route",
                f"{share:.0%} of the answers of a route are quicker than this, within the gateway.",
                "All routes at once: the machine is busy, see the CPU of each process on the dashboard of the "
                "pipeline. One route: Redis' scripts; `onsale bench http` measures them.",
                (_latency(share),),
                unit="s",
                alarm_at=1 if share == 0.99 else None,
            )
            for share in (0.5, 0.9, 0.99)
        ),
    ),
)
