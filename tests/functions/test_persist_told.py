"""What persist tells of each event: how far behind the sale its row was, once, whatever is delivered again."""

from collections.abc import Iterator, Mapping, Sequence

import pytest

from chalicelib import emf
from tests.functions.batches import Letters, Persist, an_event

NOW_MS = 10_000


class Heard:
    """What persist tells: the delays by sale, and the sums of everything else."""

    def __init__(self) -> None:
        self.delays: dict[str, list[float]] = {}
        self.sums: dict[str, float] = {}

    def __call__(self, function: str, sale: str, values: Mapping[str, float | Sequence[float]]) -> None:
        assert function == "persist"
        for name, value in values.items():
            if isinstance(value, Sequence):
                assert name == "write_behind_ms"
                self.delays.setdefault(sale, []).extend(value)
            else:
                self.sums[name] = self.sums.get(name, 0) + value


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    """What is told, at a time that stands still."""
    monkeypatch.setattr("functions.consumer.time.time_ns", lambda: NOW_MS * 1_000_000)
    made = Heard()
    emf.listen(made)
    yield made
    emf.listen(None)


def test_each_event_is_told_once_with_its_delay(persist: Persist, heard: Heard) -> None:
    persist(an_event(1, at=9_000), an_event(2, at=9_500, user="eve"), an_event(1, at=9_900, saleId="t"))
    assert heard.delays == {"s": [1_000, 500], "t": [100]}
    assert (heard.sums["applied"], heard.sums["duplicate"]) == (3, 0)


def test_what_comes_again_is_a_duplicate_and_no_delay(persist: Persist, heard: Heard) -> None:
    events = [an_event(number, at=9_000 + number, user=f"u{number}") for number in range(1, 6)]
    persist(*events)
    heard.delays.clear()

    persist(*events)
    assert heard.delays == {}
    assert (heard.sums["applied"], heard.sums["duplicate"]) == (5, 5)

    new = [an_event(number, at=9_000 + number, user=f"u{number}") for number in (8, 7)]
    persist(events[2], new[0], events[0], new[1], new[0])
    assert sorted(heard.delays["s"]) == [NOW_MS - 9_008, NOW_MS - 9_007]
    assert (heard.sums["applied"], heard.sums["duplicate"]) == (7, 8)


def test_a_clock_that_is_behind_makes_no_negative_delay(persist: Persist, heard: Heard) -> None:
    persist(an_event(1, at=NOW_MS + 50))
    assert heard.delays == {"s": [0]}


def test_a_conflict_is_no_row_and_no_delay(persist: Persist, heard: Heard, letters: Letters) -> None:
    persist(an_event(1, at=9_000))
    heard.delays.clear()
    persist(an_event(1, at=9_001), an_event(2, at=9_002, user="eve"))
    assert letters.reasons == ["version-conflict"]
    assert heard.delays == {"s": [NOW_MS - 9_002]}
