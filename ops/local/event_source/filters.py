"""Which records a filter lets through: FilterCriteria on a record's value, key and metadata.

Source: AWS Lambda Developer Guide, "Filtering events from Amazon MSK and self-managed Apache Kafka event sources", its
table of formats: where the format of a value is not that of the pattern for it (a text and a pattern for JSON, or the
other way round, or bytes that are not UTF-8), only the other properties are filtered on. Lambda filters on `value`;
the key, treated in the same way, and the metadata are filtered on here as well.
"""

from collections.abc import Iterable
from typing import Any

from ops.local.event_source.lambda_event import Message, record_of
from ops.local.event_source.patterns import BadPattern, Conditions, Number, Pattern, decode

_LONGEST_PATTERN = 4_096
_DATA = ("value", "key")
_METADATA = frozenset({"topic", "partition", "offset", "timestamp", "timestampType", "headers"})


class Filter:
    """One filter of a mapping."""

    def __init__(self, text: str, rule: dict[str, Any]) -> None:
        self.text = text
        self._data: dict[str, Conditions | Pattern] = {}
        self._metadata = {}
        self._alternatives: list[Filter] = []
        for name, part in rule.items():
            if name in _DATA:
                self._data[name] = Conditions(part, name) if isinstance(part, list) else Pattern(part, name)
            elif name == "$or":
                self._alternatives = _alternatives(part)
            elif name in _METADATA:
                self._metadata[name] = part
            else:
                raise BadPattern(f"{name} is not a property of a Kafka record")
        self._rest = Pattern(self._metadata) if self._metadata else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def lets_through(self, message: Message) -> bool:
        """Tell whether a record satisfies this filter."""
        if self._rest is not None and not self._rest.matches(_described(message)):
            return False
        if not all(_data_matches(part, getattr(message, name)) for name, part in self._data.items()):
            return False
        return not self._alternatives or any(each.lets_through(message) for each in self._alternatives)


def compile_filter(text: Any) -> Filter:
    """Return the filter of a pattern. Raises BadPattern."""
    if not isinstance(text, str):
        raise BadPattern("must be JSON in a text")
    if len(text) > _LONGEST_PATTERN:
        raise BadPattern(f"must have {_LONGEST_PATTERN} characters at most, has {len(text)}")
    try:
        rule = decode(text)
    except ValueError as error:
        raise BadPattern(f"is not JSON: {error}") from error
    if not isinstance(rule, dict) or not rule:
        raise BadPattern("must be a JSON object with fields")
    return Filter(text, rule)


def let_through(filters: Iterable[Filter], message: Message) -> bool:
    """Tell whether a record satisfies one of the filters; where there are none, each does."""
    filters = tuple(filters)
    return not filters or any(each.lets_through(message) for each in filters)


def _alternatives(part: Any) -> list[Filter]:
    if not isinstance(part, list) or not part or not all(isinstance(each, dict) and each for each in part):
        raise BadPattern("$or must be a list of objects with fields")
    return [Filter("", each) for each in part]


def _described(message: Message) -> dict[str, Any]:
    """Return the metadata as a pattern sees them: as in the event, numbers as spelled."""
    record = record_of(message)
    numbers = {name: Number(record[name]) for name in ("partition", "offset", "timestamp")}
    headers = [
        {name: [Number(byte) for byte in value or []]} for each in record["headers"] for name, value in each.items()
    ]
    return {**record, **numbers, "headers": headers}


def _data_matches(part: Conditions | Pattern, data: bytes | None) -> bool:
    """Tell whether a value or key matches; one in another format than the pattern's is not filtered on."""
    wants_text = isinstance(part, Conditions)
    if data is None:
        return part.matches([] if wants_text else {})
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return True
    try:
        document = decode(text)
        if isinstance(document, dict | list):  # a bare number or word is a text
            return wants_text or part.matches(document)
    except (ValueError, RecursionError):  # not JSON, or nested beyond what can be looked at
        pass
    return not wants_text or part.matches(text)
