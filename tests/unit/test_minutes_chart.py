"""The chart of `onsale sale show` draws what the numbers say."""

from typing import Any

import click

from ops.commands.minutes_chart import minutes_chart


def _sale(*minutes: tuple[int, int, int]) -> dict[str, Any]:
    kinds = ("reservedUnits", "confirmedUnits", "expiredUnits", "cancelledUnits")
    return {
        "minutesNotice": "",
        "minutes": [
            {"minute": f"2026-11-21T12:{n:02}:00.000Z", **dict(zip(kinds, (*counts, 0), strict=True))}
            for n, counts in enumerate(minutes)
        ],
    }


def test_each_kind_has_a_line_on_one_scale_and_none_where_there_was_none() -> None:
    lines = [click.unstyle(line) for line in minutes_chart(_sale((800, 0, 0), (400, 100, 0), (1, 0, 0)))]

    assert lines == [
        "tickets a minute, 2026-11-21 12:00 to 12:02 UTC",
        "reserved   █▄▁  1,201 in all, 800 at most",
        "confirmed  ·▁·  100 in all, 100 at most",
    ]


def test_a_sale_without_minutes_says_so() -> None:
    assert minutes_chart({"minutes": [], "minutesNotice": ""}) == ["minutes  nothing has happened yet"]
    assert minutes_chart(_sale((0, 0, 0))) == ["minutes  nothing has happened yet"]


def test_what_mysql_cannot_tell_is_said_plainly() -> None:
    sale = {"minutes": None, "minutesNotice": "MYSQL_URL is not set"}
    assert minutes_chart(sale) == ["minutes  unknown: MYSQL_URL is not set"]
