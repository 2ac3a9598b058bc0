"""Tells how many dead letters wait for an operator: after some came, and after an operator dealt with some.

Between two such moments the number stays as it is, and so does the alarm on it.
"""

from chalicelib.config import settings
from functions import dead_letter_table
from functions.log import metrics
from functions.mysql import Database, DatabaseAway

_metrics = metrics("dead_letters")


def tell_open_letters(of: Database) -> None:
    """Write the number of OPEN letters of all sales; nothing where it cannot be had or nobody would read it."""
    if not settings().publishes_metrics:
        return
    try:
        with of.transaction() as cursor:
            count = dead_letter_table.count_all_open(cursor)
    except DatabaseAway:
        return
    _metrics.publish(open=count)
