"""What MySQL says of the sales that Redis has. Each question is a range of a primary key or an index of one sale.

Counting a sale's purchases costs in proportion to its rows, seconds for a million: it is a source of its own, so that
the other figures do not wait for it. It is read for a fifth of the time at most, and tells the age of what it found.
"""

from collections.abc import Callable, Iterable

from prometheus_client.core import Metric
from pymysql.cursors import Cursor

from functions.mysql import Database
from ops.metrics.catalogue import Figures

PURCHASES = "SELECT status, COUNT(*), SUM(quantity) FROM purchases WHERE sale_id = %s GROUP BY status"
REFUNDS = "SELECT COUNT(*), COUNT(settled_at) FROM refunds WHERE sale_id = %s"
LAST_VERSION = "SELECT version FROM sale_events WHERE sale_id = %s ORDER BY epoch DESC, version DESC LIMIT 1"
LETTERS = "SELECT sale_id, state, COUNT(*) FROM dead_letters WHERE sale_id IN %s GROUP BY sale_id, state"
SLOW = "SHOW GLOBAL STATUS LIKE 'Slow_queries'"
PATIENT = "SET SESSION long_query_time = 60"  # counting is no query that was slow by mistake
COUNT_WITHIN_S = 30
STATUSES = ("HELD", "CONFIRMED", "CANCELLED", "EXPIRED")
LETTER_STATES = ("OPEN", "REPLAYED", "DISCARDED")


def mysql_figures(database: Database, sale_ids: Callable[[], tuple[str, ...]]) -> Iterable[Metric]:
    """Return the figures of the sales named. Raises DatabaseAway and RowsRefused."""
    figures = Figures()
    with database.transaction() as cursor:
        cursor.execute(SLOW)
        for _, count in cursor.fetchall():
            figures.add("onsale_mysql_slow_queries_total", float(count))
        for sale_id in sale_ids():
            _add_sale(figures, cursor, sale_id)
        _add_letters(figures, cursor, sale_ids())
    return figures.families()


def purchase_figures(patient: Database, sale_ids: Callable[[], tuple[str, ...]]) -> Iterable[Metric]:
    """Count the purchases of the sales named. `patient` waits longer than others. Raises as above."""
    figures = Figures()
    with patient.transaction() as cursor:
        cursor.execute(PATIENT)
        for sale_id in sale_ids():
            cursor.execute(PURCHASES, (sale_id,))
            counted = {status: (rows, tickets) for status, rows, tickets in cursor.fetchall()}
            for status in STATUSES:
                rows, tickets = counted.get(status, (0, 0))
                figures.add("onsale_mysql_purchases", rows, sale_id, status)
                figures.add("onsale_mysql_tickets", float(tickets), sale_id, status)
    return figures.families()


def _add_sale(figures: Figures, cursor: Cursor, sale_id: str) -> None:
    cursor.execute(REFUNDS, (sale_id,))
    every, settled = cursor.fetchone() or (0, 0)
    figures.add("onsale_mysql_refunds", every - settled, sale_id, "due")
    figures.add("onsale_mysql_refunds", settled, sale_id, "settled")
    cursor.execute(LAST_VERSION, (sale_id,))
    (version,) = cursor.fetchone() or (0,)
    figures.add("onsale_mysql_last_version", version, sale_id)


def _add_letters(figures: Figures, cursor: Cursor, sale_ids: tuple[str, ...]) -> None:
    cursor.execute(LETTERS, (("", *sale_ids),))
    counted = {(sale_id, state): count for sale_id, state, count in cursor.fetchall()}
    for sale_id in ("", *sale_ids):
        for state in LETTER_STATES:
            figures.add("onsale_dead_letters", counted.get((sale_id, state), 0), sale_id, state.lower())
