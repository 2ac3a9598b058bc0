"""The list of sales that a run serves, also while nobody can read it."""

from collections.abc import Iterator

import pytest

from chalicelib import wiring
from chalicelib.errors import StoreUnavailable
from chalicelib.sale_list import SaleList


class Told:
    """A reader that answers what it was given, one after the other."""

    def __init__(self, *answers: list[str] | StoreUnavailable) -> None:
        self._answers: Iterator[list[str] | StoreUnavailable] = iter(answers)

    def sale_ids(self) -> list[str]:
        answer = next(self._answers)
        if isinstance(answer, StoreUnavailable):
            raise answer
        return answer


def test_while_the_list_cannot_be_read_the_last_one_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(["a"], StoreUnavailable("failing over"), ["a", "b"])
    monkeypatch.setattr(wiring, "reader", lambda: told)
    sales = SaleList()
    assert [sales.ids(), sales.ids(), sales.ids()] == [["a"], ["a"], ["a", "b"]]


def test_a_list_that_was_never_read_cannot_be_served(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(StoreUnavailable("away"))
    monkeypatch.setattr(wiring, "reader", lambda: told)
    with pytest.raises(StoreUnavailable, match="away"):
        SaleList().ids()
