"""The pattern grammar of Lambda's filters: a table of cases, and properties that hold for any of them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.local.event_source.patterns import BadPattern, Conditions, Pattern, decode

PERSON = """{"name": "Alice", "age": 300, "score": 3.0e2, "none": null, "empty": "", "ok": true, "tags": ["a", "B", 7],
 "nothing": [], "address": {"city": "Seoul", "zip": "04524"}, "orders": [{"id": 1, "paid": true}, {"id": 2}]}"""


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ('{"name": ["Alice"]}', True),
        ('{"name": ["alice"]}', False),
        ('{"name": ["Bob", "Alice"]}', True),
        ('{"name": ["Alice"], "ok": [true]}', True),
        ('{"name": ["Alice"], "ok": [false]}', False),
        ('{"ok": ["true"]}', False),
        ('{"none": [null]}', True),
        ('{"name": [null]}', False),
        ('{"missing": [null]}', False),
        ('{"empty": [""]}', True),
        ('{"name": [""]}', False),
        ('{"age": [300]}', True),
        ('{"age": [300.0]}', False),
        ('{"age": ["300"]}', False),
        ('{"score": [3.0e2]}', True),
        ('{"score": [300]}', False),
        ('{"name": [{"equals-ignore-case": "aLICE"}]}', True),
        ('{"name": [{"equals-ignore-case": "aLIC"}]}', False),
        ('{"age": [{"equals-ignore-case": "300"}]}', False),
        ('{"name": [{"prefix": "Al"}]}', True),
        ('{"name": [{"prefix": "al"}]}', False),
        ('{"age": [{"prefix": "3"}]}', False),
        ('{"name": [{"suffix": "ce"}]}', True),
        ('{"name": [{"suffix": "CE"}]}', False),
        ('{"name": [{"anything-but": "Alice"}]}', False),
        ('{"name": [{"anything-but": ["Bob", "Eve"]}]}', True),
        ('{"name": [{"anything-but": ["Bob", "Alice"]}]}', False),
        ('{"age": [{"anything-but": [300]}]}', False),
        ('{"age": [{"anything-but": [301]}]}', True),
        ('{"missing": [{"anything-but": ["x"]}]}', False),
        ('{"none": [{"anything-but": [null]}]}', False),
        ('{"age": [{"numeric": ["=", 300.0]}]}', True),
        ('{"score": [{"numeric": ["=", 300]}]}', True),
        ('{"age": [{"numeric": [">", 300]}]}', False),
        ('{"age": [{"numeric": [">=", 300]}]}', True),
        ('{"age": [{"numeric": [">", 10, "<=", 300]}]}', True),
        ('{"age": [{"numeric": [">", 10, "<", 300]}]}', False),
        ('{"name": [{"numeric": [">", 0]}]}', False),
        ('{"name": [{"exists": true}]}', True),
        ('{"none": [{"exists": true}]}', True),
        ('{"missing": [{"exists": true}]}', False),
        ('{"missing": [{"exists": false}]}', True),
        ('{"name": [{"exists": false}]}', False),
        ('{"address": [{"exists": true}]}', False),
        ('{"address": [{"exists": false}]}', True),
        ('{"nothing": [{"exists": true}]}', False),
        ('{"missing": {"deep": [{"exists": false}]}}', True),
        ('{"missing": {"deep": ["x"]}}', False),
        ('{"address": {"city": ["Seoul"], "zip": [{"prefix": "04"}]}}', True),
        ('{"address": {"city": ["Busan"]}}', False),
        ('{"name": {"city": ["Alice"]}}', False),
        ('{"tags": ["B"]}', True),
        ('{"tags": [7]}', True),
        ('{"tags": ["c"]}', False),
        ('{"tags": [{"anything-but": ["a"]}]}', True),
        ('{"orders": {"id": [2]}}', True),
        ('{"orders": {"id": [1], "paid": [true]}}', True),
        ('{"orders": {"id": [2], "paid": [true]}}', False),
        ('{"orders": {"id": [2], "paid": [{"exists": false}]}}', True),
        ('{"$or": [{"name": ["Bob"]}, {"age": [300]}]}', True),
        ('{"$or": [{"name": ["Bob"]}, {"age": [301]}]}', False),
        ('{"ok": [false], "$or": [{"name": ["Alice"]}, {"age": [300]}]}', False),
        ('{"address": {"$or": [{"city": ["Busan"]}, {"zip": ["04524"]}]}}', True),
        ('{"$or": [{"name": ["Bob"]}, {"$or": [{"age": [1]}, {"ok": [true]}]}]}', True),
        ('{"name": ["Bob", {"prefix": "Z"}, {"suffix": "e"}]}', True),
    ],
)
def test_a_pattern_matches_what_lambda_says_it_does(pattern: str, matches: bool) -> None:
    assert Pattern(decode(pattern)).matches(decode(PERSON)) is matches


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{}", "must be an object with fields"),
        ("[]", "must be an object"),
        ('{"a": "x"}', "a must be an object"),
        ('{"a": {}}', "a must be an object"),
        ('{"a": []}', "a has no conditions"),
        ('{"a": [["x"]]}', "is not a text, number"),
        ('{"a": {"b": [{"wildcard": "*"}]}}', r"a\.b: wildcard is not an operator"),
        ('{"a": [{"prefix": "x", "suffix": "y"}]}', "one operator, not 2"),
        ('{"a": [{"prefix": 1}]}', "prefix takes a text"),
        ('{"a": [{"suffix": ""}]}', "suffix takes a text"),
        ('{"a": [{"exists": "yes"}]}', "exists takes true or false"),
        ('{"a": [{"anything-but": []}]}', "anything-but has no values"),
        ('{"a": [{"anything-but": {"prefix": "x"}}]}', "is not a text, number"),
        ('{"a": [{"numeric": [">"]}]}', "numeric takes"),
        ('{"a": [{"numeric": ["!", 1]}]}', "numeric does not know"),
        ('{"a": [{"numeric": [">", "1"]}]}', "numeric does not know"),
        ('{"a": [{"numeric": [["="], 1]}]}', "numeric does not know"),
        ('{"$or": {}}', r"\$or must be a list"),
        ('{"$or": []}', r"\$or must be a list"),
        ('{"$or": [{"a": "x"}]}', r"\$or\[0\]\.a must be"),
    ],
)
def test_a_pattern_that_is_none_says_where_and_why(pattern: str, said: str) -> None:
    with pytest.raises(BadPattern, match=said):
        Pattern(decode(pattern))


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text("abAB", max_size=2))
DOCUMENTS: Any = st.dictionaries(
    st.sampled_from("xyz"),
    st.recursive(SCALARS, lambda inner: st.dictionaries(st.sampled_from("xyz"), inner), max_leaves=6),
)
CONDITIONS = st.one_of(
    SCALARS,
    st.builds(lambda text: {"prefix": text}, st.text("abAB", min_size=1, max_size=2)),
    st.builds(lambda values: {"anything-but": values}, st.lists(SCALARS, min_size=1, max_size=3)),
    st.builds(lambda exists: {"exists": exists}, st.booleans()),
    st.builds(lambda number: {"numeric": [">", number]}, st.integers(-5, 5)),
)
RULES: Any = st.recursive(
    st.dictionaries(st.sampled_from("xyz"), st.lists(CONDITIONS, min_size=1, max_size=3), min_size=1),
    lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, min_size=1),
    max_leaves=4,
)


def _matches(rule: Any, document: Any) -> bool:
    return Pattern(decode(json.dumps(rule))).matches(decode(json.dumps(document)))


@given(RULES, RULES, DOCUMENTS)
def test_or_is_or_and_fields_are_and(left: Any, right: Any, document: Any) -> None:
    each = _matches(left, document), _matches(right, document)

    assert _matches({"$or": [left, right]}, document) == any(each)
    assert _matches({"$or": [left], **right}, document) == all(each)


@given(st.lists(CONDITIONS, min_size=1, max_size=4), SCALARS)
def test_a_list_of_conditions_is_or(rules: list[Any], value: Any) -> None:
    def holds(conditions: list[Any]) -> bool:
        return Conditions(decode(json.dumps(conditions))).matches(decode(json.dumps(value)))

    assert holds(rules) == any(holds([rule]) for rule in rules)


@given(DOCUMENTS, SCALARS)
def test_every_leaf_equals_itself_and_nothing_else(document: dict[str, Any], other: Any) -> None:
    for name, value in document.items():
        if isinstance(value, dict):
            continue
        same = type(other) is type(value) and other == value
        assert _matches({name: [value]}, document)
        assert _matches({name: [other]}, document) == same
        assert _matches({name: [{"anything-but": [other]}]}, document) != same
        assert _matches({name: [{"exists": True}]}, document)
