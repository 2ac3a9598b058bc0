"""Which Kafka records a filter lets through: formats of value and key, metadata, several filters."""

import pytest

from ops.local.event_source.filters import compile_filter, let_through
from ops.local.event_source.lambda_event import Message
from ops.local.event_source.patterns import BadPattern

JSON, TEXT, NO_UTF8 = b'{"type": "RESERVED", "n": 1}', b"error", b"\xff\xfe"


def _message(value: bytes | None, key: bytes | None = b"k") -> Message:
    return Message("orders", 2, 70, 1_763_600_000_150, "CREATE_TIME", key, value, (("sale", b"demo"),))


def _passes(pattern: str, value: bytes | None, key: bytes | None = b"k") -> bool:
    return compile_filter(pattern).lets_through(_message(value, key))


@pytest.mark.parametrize(
    ("pattern", "value", "passes"),
    [
        # AWS's own table: format of the value, format of the pattern for it, what happens
        ('{"value": ["error"]}', TEXT, True),
        ('{"value": [{"anything-but": ["error"]}]}', TEXT, False),
        ('{"partition": [2]}', TEXT, True),
        ('{"partition": [3]}', TEXT, False),
        ('{"value": {"type": ["SOLD"]}}', TEXT, True),
        ('{"value": {"type": ["SOLD"]}, "partition": [3]}', TEXT, False),
        ('{"value": ["error"]}', JSON, True),
        ('{"value": ["error"], "partition": [3]}', JSON, False),
        ('{"partition": [2]}', JSON, True),
        ('{"value": {"type": ["RESERVED"]}}', JSON, True),
        ('{"value": {"type": ["SOLD"]}}', JSON, False),
        ('{"value": {"type": ["SOLD"]}}', NO_UTF8, True),
        ('{"value": ["error"]}', NO_UTF8, True),
        ('{"value": ["error"], "partition": [3]}', NO_UTF8, False),
        # no value, a bare JSON word, an array
        ('{"value": {"type": ["SOLD"]}}', None, False),
        ('{"value": {"type": [{"exists": false}]}}', None, True),
        ('{"value": [{"exists": false}]}', None, True),
        ('{"value": ["7"]}', b"7", True),
        ('{"value": {"type": ["SOLD"]}}', b'[{"type": "SOLD"}]', True),
        # fields together, and either of them
        ('{"value": {"type": ["RESERVED"]}, "topic": ["orders"]}', JSON, True),
        ('{"value": {"type": ["RESERVED"]}, "topic": ["others"]}', JSON, False),
        ('{"$or": [{"value": {"type": ["SOLD"]}}, {"topic": ["orders"]}]}', JSON, True),
        ('{"$or": [{"value": {"type": ["SOLD"]}}, {"topic": ["others"]}]}', JSON, False),
        ('{"topic": ["orders"], "$or": [{"offset": [1]}, {"value": {"n": [1]}}]}', JSON, True),
        # metadata
        ('{"topic": [{"prefix": "ord"}]}', TEXT, True),
        ('{"offset": [{"numeric": [">=", 70]}]}', TEXT, True),
        ('{"offset": [{"numeric": [">", 70]}]}', TEXT, False),
        ('{"timestamp": [1763600000150], "timestampType": ["CREATE_TIME"]}', TEXT, True),
        ('{"headers": {"sale": [{"exists": true}]}}', TEXT, True),
        ('{"headers": {"sale": [100]}}', TEXT, True),
        ('{"headers": {"epoch": [{"exists": true}]}}', TEXT, False),
    ],
)
def test_a_record_passes_as_aws_documents_it(pattern: str, value: bytes | None, passes: bool) -> None:
    assert _passes(pattern, value) is passes


def test_keys_are_filtered_on_like_values() -> None:
    assert _passes('{"key": ["k"]}', TEXT)
    assert not _passes('{"key": ["other"]}', TEXT)
    assert _passes('{"key": {"id": [7]}}', TEXT, b'{"id": 7}')
    assert not _passes('{"key": ["k"]}', TEXT, None)


def test_one_of_several_filters_is_enough_and_none_lets_all_through() -> None:
    sold, reserved = (compile_filter(f'{{"value": {{"type": ["{name}"]}}}}') for name in ("SOLD", "RESERVED"))

    assert let_through([sold, reserved], _message(JSON))
    assert not let_through([sold], _message(JSON))
    assert let_through([], _message(JSON))


def test_json_that_nests_too_deep_is_a_text() -> None:
    deep = b"[" * 900 + b"]" * 900
    assert all(_passes('{"value": {"a": ["x"]}}', value) for value in (b"[" * 100_000, deep))


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (None, "must be JSON in a text"),
        ({"value": ["x"]}, "must be JSON in a text"),
        ("{", "is not JSON"),
        ('{"value": [NaN]}', "is not JSON"),
        ("[]", "must be a JSON object with fields"),
        ("{}", "must be a JSON object with fields"),
        ('{"body": {"a": ["x"]}}', "body is not a property of a Kafka record"),
        ('{"value": "x"}', "value must be an object"),
        ('{"$or": [1]}', r"\$or must be a list"),
        ('{"value": ["' + "x" * 4_096 + '"]}', "4096 characters at most"),
    ],
)
def test_a_filter_that_is_none_says_why(pattern: object, said: str) -> None:
    with pytest.raises(BadPattern, match=said):
        compile_filter(pattern)
