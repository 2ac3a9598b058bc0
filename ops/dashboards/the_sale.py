"""The dashboard "The sale": what buyers meet, for one sale. What lies behind it is `the_pipeline`'s."""

from ops.dashboards.http_row import HTTP
from ops.dashboards.panels import Dashboard, Panel, Query, Row, Variable

OF_SALE = 'sale="$sale"'


def _rate(metric: str, more: str = "") -> str:
    return f"rate({metric}{{{OF_SALE}{more}}}[$__rate_interval])"


_NOW = Row(
    "Now",
    (
        Panel(
            "State",
            "The state of the sale: draft, scheduled, open, paused, closed, recovering.",
            "`onsale sale show $sale` says why it is in this state; `onsale sale resume $sale` ends a pause and "
            "`onsale sale reopen $sale` a closing.",
            (Query(f"onsale_sale_state{{{OF_SALE}}} == 1", "{{state}}"),),
            kind="stat",
            width=4,
            named=True,
        ),
        Panel(
            "Free",
            "Tickets that nobody holds or has bought.",
            "0 is sold out, and no fault. Above 0 while people wait and nobody is admitted: see Admission, and "
            "`onsale sale show $sale`.",
            (Query(f'onsale_sale_tickets{{{OF_SALE}, state="free"}}'),),
            unit="short",
            kind="stat",
            width=4,
        ),
        Panel(
            "Held",
            "Tickets that are reserved and not yet paid.",
            "Many for long: buyers do not get through paying. Compare Payments; "
            "`onsale sale configure $sale --hold-seconds S` gives new holds another time.",
            (Query(f'onsale_sale_tickets{{{OF_SALE}, state="held"}}'),),
            unit="short",
            kind="stat",
            width=4,
        ),
        Panel(
            "Confirmed",
            "Tickets that are sold, as Redis has it.",
            "Compare with MySQL on the dashboard of the pipeline; `onsale ledger $sale` names every difference.",
            (Query(f'onsale_sale_tickets{{{OF_SALE}, state="confirmed"}}'),),
            unit="short",
            kind="stat",
            width=4,
        ),
        Panel(
            "Waiting",
            "Buyers in the line.",
            "It only grows while tickets are free: see Admission. `onsale sale configure $sale --max-active N "
            "--admit-per-second N` lets more in.",
            (Query(f'onsale_sale_buyers{{{OF_SALE}, state="waiting"}}'),),
            unit="short",
            kind="stat",
            width=4,
        ),
        Panel(
            "Refunds due",
            "Payments that came too late, twice, or for a cancelled ticket, and have to be given back.",
            "`onsale refunds list $sale --state DUE` lists them; give the money back, then `onsale refunds settle`.",
            (Query(f'sum(onsale_mysql_refunds{{{OF_SALE}, state="due"}}) or vector(0)'),),
            unit="short",
            kind="stat",
            width=4,
            alarm_at=1,
        ),
    ),
)

_FLOW = Row(
    "The line and the stock",
    (
        Panel(
            "Tickets",
            "The whole stock by state; the sum is the capacity, at every moment.",
            "A sum above the capacity would be overselling: `onsale sale close $sale`, then `onsale ledger $sale`.",
            (
                Query(f'onsale_sale_tickets{{{OF_SALE}, state="confirmed"}}', "confirmed"),
                Query(f'onsale_sale_tickets{{{OF_SALE}, state="held"}}', "held"),
                Query(f'onsale_sale_tickets{{{OF_SALE}, state="free"}}', "free"),
            ),
            unit="short",
            stacked=True,
        ),
        Panel(
            "Waiting and active",
            "Buyers in the line, and buyers whose turn it is.",
            "Active at its limit while tickets are free: buyers are slow to choose; raise "
            "`onsale sale configure $sale --max-active N`, or shorten `--active-seconds`.",
            (Query(f"onsale_sale_buyers{{{OF_SALE}}}", "{{state}}"),),
            unit="short",
        ),
        Panel(
            "Arrivals, admissions, sales",
            "A second: places given in the line, buyers admitted, those of them who showed up, tickets confirmed "
            "(cancelled ones count against it).",
            "Arrivals without admissions: the sale is paused, the outbox is too long (see the pipeline) or "
            "`onsale status` shows no scheduler. Admissions without sales: see Refusals and Payments.",
            (
                Query(_rate("onsale_sale_queue_numbers_total"), "arrivals"),
                Query(_rate("onsale_sale_admitted_total"), "admitted"),
                Query(_rate("onsale_sale_claimed_total"), "showed up"),
                Query(
                    f'clamp_min(deriv(onsale_sale_tickets{{{OF_SALE}, state="confirmed"}}[$__rate_interval]), 0)',
                    "sold",
                ),
            ),
            unit="cps",
        ),
        Panel(
            "Refusals by code",
            "Answers a second that refuse what a buyer asked for, by their code.",
            "`sold-out`, `seat-taken` and `not-enough-left` are a busy sale. `not-active`: a client reserves before "
            "its turn. Of one buyer: `onsale buyer show $sale USER`.",
            (Query(f"sum by (code) ({_rate('onsale_sale_refusals_total')}) or on() vector(0)", "{{code}}"),),
            unit="cps",
        ),
        Panel(
            "Lapses by reason",
            "A second: turns missed (claim-missed: never showed up; time-up: did not choose in time) and tickets given "
            "back by holds that ran out (hold-expired).",
            "Many claim-missed: clients do not poll; `onsale sale configure $sale --claim-seconds S`, or let more in "
            "with `--overbook`. Many hold-expired: paying takes longer than `--hold-seconds`.",
            (Query(f"sum by (reason) ({_rate('onsale_sale_lapses_total')}) or on() vector(0)", "{{reason}}"),),
            unit="cps",
        ),
        Panel(
            "Left, cancelled, granted again",
            "A second: buyers who left the line, tickets that were cancelled, late payments that still got their "
            "ticket.",
            "Many leave: the line is too slow, see Admission above; `onsale sale configure $sale --message TEXT` tells "
            "those who wait. Granted again: holds are too short.",
            (
                Query(_rate("onsale_sale_left_total"), "left"),
                Query(_rate("onsale_sale_cancelled_tickets_total"), "tickets cancelled"),
                Query(_rate("onsale_sale_granted_again_total"), "granted again"),
            ),
            unit="cps",
        ),
        Panel(
            "Payments by fate",
            "All payments of the sale by what became of them.",
            "Refunds grow: payments come after their holds have run out; "
            "`onsale sale configure $sale --hold-seconds S`, and `onsale refunds list $sale --state DUE`.",
            (Query(f"sum by (fate) (onsale_sale_payments{{{OF_SALE}}}) or on() vector(0)", "{{fate}}"),),
            unit="short",
            width=24,
        ),
    ),
)

SALE = Dashboard(
    "onsale-sale",
    "The sale",
    "What buyers meet: stock, line, rates, refusals, payments and the API's answers.",
    (Variable("sale", "onsale_sale_capacity_tickets"),),
    (_NOW, _FLOW, HTTP),
)
