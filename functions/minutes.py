"""The last minutes of a sale, for whoever looks at it. A sale can be looked at without MySQL; then it says so."""

from typing import Any

from chalicelib.config import settings
from functions.mysql import DatabaseAway, database
from functions.sale_minutes import COLUMNS, MINUTE_MS
from functions.sale_settings import iso

LAST = 30
_LATEST_MINUTE = 4_223_371_679  # of the year 9999, beyond which no calendar goes; an event may claim any time


def last_minutes(sale_id: str) -> dict[str, Any]:
    """Return `minutes`, the 30 up to the latest in which something happened, without a gap; null and why where unknown.

    Each has `minute`, when it began, and the events and units of each kind. None where nothing has happened yet.
    """
    if not settings().mysql_url:
        return {"minutes": None, "minutesNotice": "MYSQL_URL is not set"}
    try:
        with database().transaction() as cursor:
            cursor.execute(
                "SELECT MAX(minute) FROM sale_minutes WHERE sale_id = %s AND minute <= %s", (sale_id, _LATEST_MINUTE)
            )
            (latest,) = cursor.fetchone() or (None,)
            if latest is None:
                return {"minutes": [], "minutesNotice": ""}
            first = max(1, latest - LAST + 1)
            cursor.execute(
                f"SELECT minute, {', '.join(COLUMNS)} FROM sale_minutes"  # noqa: S608 - our own names
                " WHERE sale_id = %s AND minute BETWEEN %s AND %s",
                (sale_id, first, latest),
            )
            found = {minute: sums for minute, *sums in cursor.fetchall()}
    except DatabaseAway as error:
        return {"minutes": None, "minutesNotice": f"MySQL does not answer: {error.detail}"}
    nothing = [0] * len(COLUMNS)
    minutes = [_minute(minute, found.get(minute, nothing)) for minute in range(first, latest + 1)]
    return {"minutes": minutes, "minutesNotice": ""}


def _minute(minute: int, sums: list[int]) -> dict[str, Any]:
    names = [column.replace("_units", "Units") for column in COLUMNS]
    return {"minute": iso(minute * MINUTE_MS), **dict(zip(names, sums, strict=True))}
