"""The pattern grammar of Lambda's event filters, on JSON that was decoded. It knows no Kafka.

Source: AWS Lambda Developer Guide, "Control which events Lambda sends to your function"; Amazon EventBridge User Guide,
"event patterns". Numbers are compared as they are spelled (300 is not 300.0), except by `numeric`. An array matches
when one of its elements does. Comparisons look at leaves: `exists` is false for an object.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda left, right: left == right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
Leaf = Any  # str, Number, bool or None
_Test = Callable[[list[Leaf]], bool]


class BadPattern(ValueError):
    """The pattern is not one; the message says where and why."""


class Number(str):
    """A number as it was spelled."""

    __slots__ = ()


def decode(text: str) -> Any:
    """Return JSON with its numbers as spelled. Raises ValueError."""
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=_refuse)


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


class Pattern:
    """A pattern that was checked; `matches` is all it does."""

    def __init__(self, rule: Any, where: str = "") -> None:
        """Check a decoded rule. Raises BadPattern."""
        if not isinstance(rule, dict) or not rule:
            raise BadPattern(f"{where or 'it'} must be an object with fields")
        self._fields: dict[str, Pattern | Conditions] = {}
        self._alternatives: list[Pattern] = []
        for name, part in rule.items():
            here = f"{where}.{name}" if where else name
            if name == "$or":
                if not isinstance(part, list) or not part:
                    raise BadPattern(f"{here} must be a list of objects")
                self._alternatives = [Pattern(each, f"{here}[{number}]") for number, each in enumerate(part)]
            else:
                self._fields[name] = Conditions(part, here) if isinstance(part, list) else Pattern(part, here)

    def matches(self, value: Any) -> bool:
        """Tell whether a decoded value has what the pattern asks for: all fields, and one of `$or`."""
        if isinstance(value, list):
            return any(self.matches(each) for each in value) if value else self.matches(None)
        fields = value if isinstance(value, dict) else {}
        return all(part.matches(fields.get(name, _ABSENT)) for name, part in self._fields.items()) and (
            not self._alternatives or any(each.matches(value) for each in self._alternatives)
        )


class Conditions:
    """What one field may be: a list of which one must hold."""

    def __init__(self, rules: list[Any], where: str = "it") -> None:
        """Check a decoded list. Raises BadPattern."""
        if not rules:
            raise BadPattern(f"{where} has no conditions")
        self._tests = [_test(rule, where) for rule in rules]

    def matches(self, value: Any) -> bool:
        """Tell whether one condition holds for a decoded value."""
        leaves = list(_leaves(value))
        return any(test(leaves) for test in self._tests)


_ABSENT: Any = object()


def _leaves(value: Any) -> Iterator[Leaf]:
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif value is not _ABSENT and not isinstance(value, dict):
        yield value


def _test(rule: Any, where: str) -> _Test:
    if not isinstance(rule, dict):
        return _any(_equal_to(_scalar(rule, where)))
    if len(rule) != 1:
        raise BadPattern(f"{where}: a condition has one operator, not {len(rule)}")
    ((operator, operand),) = rule.items()
    if operator == "exists":
        if not isinstance(operand, bool):
            raise BadPattern(f"{where}: exists takes true or false")
        return lambda leaves: bool(leaves) == operand
    if operator in ("prefix", "suffix", "equals-ignore-case"):
        return _any(_of_text(operator, operand, where))
    if operator == "anything-but":
        options = operand if isinstance(operand, list) else [operand]
        if not options:
            raise BadPattern(f"{where}: anything-but has no values")
        tests = [_equal_to(_scalar(each, f"{where}: anything-but")) for each in options]
        return _any(lambda leaf: not any(test(leaf) for test in tests))
    if operator == "numeric":
        return _any(_numeric(operand, where))
    raise BadPattern(f"{where}: {operator} is not an operator of Lambda's filters")


def _any(test: Callable[[Leaf], bool]) -> _Test:
    return lambda leaves: any(test(leaf) for leaf in leaves)


def _scalar(rule: Any, where: str) -> Leaf:
    if isinstance(rule, dict | list):
        raise BadPattern(f"{where}: {json.dumps(rule)} is not a text, number, true, false or null")
    return rule


def _equal_to(expected: Leaf) -> Callable[[Leaf], bool]:
    return lambda leaf: type(leaf) is type(expected) and leaf == expected


def _of_text(operator: str, operand: Any, where: str) -> Callable[[Leaf], bool]:
    if type(operand) is not str or (not operand and operator != "equals-ignore-case"):
        raise BadPattern(f"{where}: {operator} takes a text")
    if operator == "prefix":
        return lambda leaf: type(leaf) is str and leaf.startswith(operand)
    if operator == "suffix":
        return lambda leaf: type(leaf) is str and leaf.endswith(operand)
    folded = operand.lower()
    return lambda leaf: type(leaf) is str and leaf.lower() == folded


def _numeric(operand: Any, where: str) -> Callable[[Leaf], bool]:
    """Return the test of `[operator, number]` once or twice: an exact value, a bound, or a range."""
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        raise BadPattern(f"{where}: numeric takes [operator, number] or two of them")
    checks = []
    for operator, number in zip(operand[::2], operand[1::2], strict=True):
        if type(operator) is not str or operator not in _OPERATORS or not isinstance(number, Number):
            raise BadPattern(f"{where}: numeric does not know {json.dumps([operator, number])}")
        checks.append((_OPERATORS[operator], float(number)))
    return lambda leaf: isinstance(leaf, Number) and all(check(float(leaf), bound) for check, bound in checks)
