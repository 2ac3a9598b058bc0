"""Frozen dataclasses to JSON and back: snake_case fields, camelCase members.

Reading is lenient on purpose: a member nobody knows is ignored and one that is missing takes its default, so that
a report of an older or a newer version still opens. It knows the shapes that reports and recorded runs use, no others.
"""

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


class Unreadable(ValueError):
    """A document that is not what it should be; the text says where."""


def camel(name: str) -> str:
    """Return a field's name as a member's."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def to_document(value: object) -> Any:
    """Return a value as what `json` can write."""
    if is_dataclass(value) and not isinstance(value, type):
        return {camel(each.name): to_document(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_document(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_document(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no word for it, and no figure is no reason to lose a report
    return value


def from_document(kind: type[T], document: object, where: str = "") -> T:
    """Return a dataclass made of a document; raise `Unreadable`, naming the member, where it cannot be."""
    if not isinstance(document, Mapping):
        raise Unreadable(f"{where or 'the document'} must be an object, not {document!r:.60}")
    hints = get_type_hints(kind)
    given = {}
    for each in fields(kind):  # type: ignore[arg-type]
        member = camel(each.name)
        path = f"{where}.{member}" if where else member
        if member in document:
            given[each.name] = _value(hints[each.name], document[member], path)
        elif _is_needed(each):
            raise Unreadable(f"{path} is missing")
    return kind(**given)


def _is_needed(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _value(hint: Any, value: object, where: str) -> object:
    if is_dataclass(hint):
        return from_document(cast(type, hint), value, where)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        kinds = [each for each in arguments if each is not type(None)]
        if value is None and len(kinds) < len(arguments):
            return None
        return _value(str if str in kinds and isinstance(value, str) else kinds[0], value, where)
    if origin is tuple:
        _must_be(list, value, where, "a list")
        return tuple(_value(arguments[0], each, f"{where}[{n}]") for n, each in enumerate(cast(list[object], value)))
    if origin is not None:  # a mapping with text keys
        _must_be(Mapping, value, where, "an object")
        items = cast(Mapping[str, object], value).items()
        return {key: _value(arguments[1], each, f"{where}.{key}") for key, each in items}
    return _plain(hint, value, where)


def _plain(hint: Any, value: object, where: str) -> object:
    if hint in (object, Any):
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise Unreadable(f"{where} must be {_WORDS[hint]}, not {value!r:.60}")
    return value


def _must_be(kind: type, value: object, where: str, word: str) -> None:
    if not isinstance(value, kind):
        raise Unreadable(f"{where} must be {word}, not {value!r:.60}")


_WORDS: Mapping[Callable[..., object], str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
}
