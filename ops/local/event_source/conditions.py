"""The Conditions of a template: whether one holds with the values that are known here."""

from collections.abc import Callable, Mapping
from typing import Any


def holds(condition: Any, named: Mapping[str, Any], value_of: Callable[[Any], Any]) -> bool | None:
    """Say whether a condition holds; None where that takes what only a deployment knows.

    `named` are the template's conditions, `value_of` resolves an operand, to None where it has no value here. Numbers
    and texts that read the same are equal, as parameters are texts. Raises KeyError and ValueError for what is none.
    """
    if isinstance(condition, str):
        return holds(named[condition], named, value_of)
    name, argument = next(iter(condition.items()))
    if name == "Condition":
        return holds(str(argument), named, value_of)
    if name == "Fn::Equals":
        left, right = (value_of(each) for each in argument)
        return None if left is None or right is None else _text(left) == _text(right)
    verdicts: list[bool | None] = [holds(each, named, value_of) for each in argument]
    if name == "Fn::Not":
        (verdict,) = verdicts
        return None if verdict is None else not verdict
    if name not in ("Fn::And", "Fn::Or"):
        raise ValueError(f"{name} is no condition")
    decisive: bool = name == "Fn::Or"
    if any(each is decisive for each in verdicts):
        return decisive
    return None if None in verdicts else not decisive


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
