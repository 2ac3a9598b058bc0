"""The settings of a sale, as an operator spells them."""

import json
from dataclasses import fields

import pytest

from chalicelib.errors import InvalidRequest
from chalicelib.sale.model import SaleSettings
from functions import sale_settings
from functions.arguments import read
from functions.sale_settings import SETTINGS, as_json, check_times, chosen, iso
from functions.seat_plan import row_name, seat_ids


def test_every_setting_but_the_switches_can_be_given() -> None:
    given = {setting.field for setting in SETTINGS}
    assert {field.name for field in fields(SaleSettings)} - given == {"paused", "closed"}


def test_what_is_shown_can_be_given_again_and_means_the_same() -> None:
    settings = SaleSettings(name="x", hold_ms=1500, opens_at_ms=1_764_590_400_123, overbook=1.5, standby=True)
    shown = json.loads(json.dumps(as_json(settings)))
    assert SaleSettings(**chosen(read(shown, sale_settings.SCHEMA))) == settings


def test_times_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"queueOpensAt.*closesAt"):
        check_times(SaleSettings(opens_at_ms=2000, queue_opens_at_ms=3000, closes_at_ms=2000))
    check_times(SaleSettings(opens_at_ms=2000, queue_opens_at_ms=1000, closes_at_ms=2001))


def test_a_time_is_told_in_utc_with_ms() -> None:
    assert iso(1_764_590_400_123) == "2025-12-01T12:00:00.123Z"
    assert iso(0) is None


def test_rows_are_named_like_the_columns_of_a_spreadsheet() -> None:
    assert [row_name(row) for row in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


def test_a_plan_of_rows_is_in_order_and_has_no_seat_twice() -> None:
    assert seat_ids(2, 3) == ("A-1", "A-2", "A-3", "B-1", "B-2", "B-3")
    assert len(set(seat_ids(800, 75))) == 60_000
