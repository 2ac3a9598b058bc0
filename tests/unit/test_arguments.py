"""What an operator's arguments may be."""

import pytest

from chalicelib.errors import InvalidRequest
from functions import arguments
from functions.arguments import read

SCHEMA: arguments.Schema = {
    "saleId": arguments.sale_id,
    "capacity": arguments.whole(1, 100),
    "holdSeconds": arguments.seconds(0.1, 60),
    "opensAt": arguments.moment,
    "seatIds": arguments.list_of(arguments.seat_id, 3),
    "standby": arguments.flag,
    "name": arguments.text(5),
}


def test_good_arguments_are_read_and_absent_ones_stay_absent() -> None:
    given = {"saleId": "demo", "holdSeconds": 1.5, "opensAt": "1970-01-01T09:00:01+09:00", "capacity": None}
    assert read(given, SCHEMA, ["saleId"]) == {"saleId": "demo", "holdSeconds": 1500, "opensAt": 1000}


def test_every_bad_argument_is_named_at_once() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read({"capacity": 0, "standby": "yes", "what": 1}, SCHEMA, ["saleId"])
    errors = caught.value.members["errors"]
    assert isinstance(errors, list)
    assert [each["field"] for each in errors] == ["saleId", "capacity", "standby", "what"]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("saleId", "Demo", "a-z"),
        ("saleId", "", "1 to 64"),
        ("saleId", "a" * 65, "1 to 64"),
        ("saleId", "demo\n", "1 to 64"),
        ("capacity", True, "whole number"),
        ("capacity", 1.5, "whole number"),
        ("capacity", 101, "from 1 to 100"),
        ("holdSeconds", "3", "must be a number"),
        ("holdSeconds", float("nan"), "must be a number"),
        ("opensAt", "tomorrow", "must be a time"),
        ("opensAt", "2026-12-01T20:00:00", "time zone"),
        ("seatIds", [], "at least one"),
        ("seatIds", ["A-1", "B-1", "A-1"], "entry 3 repeats entry 1"),
        ("seatIds", ["A-1", "A 2"], "entry 2 must be"),
        ("seatIds", ["1", "2", "3", "4"], "at most 3"),
        ("name", "123456", "at most 5"),
        ("name", "a\x00", "control"),
    ],
)
def test_a_bad_argument_is_refused_with_its_reason(name: str, value: object, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        read({name: value}, SCHEMA)


def test_a_time_can_be_taken_back() -> None:
    assert read({"opensAt": "none"}, SCHEMA) == {"opensAt": 0}


def test_a_number_is_taken_as_an_id() -> None:
    assert read({"saleId": 7}, SCHEMA) == {"saleId": "7"}


def test_arguments_that_are_no_object_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="must be an object"):
        read([], SCHEMA)
