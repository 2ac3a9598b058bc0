"""Lists are answered in pages that Lambda can carry, and every entry comes once."""

import json

from functions.pages import MOST_BYTES, page

LAMBDAS_MOST = 6 * 1024 * 1024


def _walk(entries: list[dict[str, object]]) -> tuple[list[dict[str, object]], list[int]]:
    found: list[dict[str, object]] = []
    sizes = []
    after = 0
    while True:
        left = ((each, number) for number, each in enumerate(entries, start=1) if number > after)
        answer = page("entries", left)
        found += answer["entries"]
        sizes.append(len(json.dumps({"result": answer})))
        if answer["next"] is None:
            return found, sizes
        after = answer["next"]


def test_entries_that_are_too_many_for_one_answer_come_in_several() -> None:
    entries: list[dict[str, object]] = [{"id": number, "text": "좌석" * 1_000} for number in range(2_000)]
    found, sizes = _walk(entries)
    assert found == entries
    assert len(sizes) > 2
    assert max(sizes) < LAMBDAS_MOST


def test_an_entry_that_fills_an_answer_comes_alone() -> None:
    entries: list[dict[str, object]] = [{"text": "x" * MOST_BYTES}, {"text": "y"}]
    assert _walk(entries)[0] == entries


def test_a_page_that_may_have_others_behind_it_says_where_they_begin() -> None:
    assert page("rows", [({"id": "a"}, "a"), ({"id": "b"}, "b")], more=True)["next"] == "b"
    assert page("rows", [({"id": "a"}, "a")]) == {"rows": [{"id": "a"}], "next": None}
    assert page("rows", [], more=True) == {"rows": [], "next": None}
