"""How a sale's settings are spelled in Redis and in events: a flat map of text, one entry for each field."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from chalicelib.sale.model import SaleSettings

_KINDS: dict[str, type] = {each.name: type(each.default) for each in fields(SaleSettings)}


def to_text(field: str, value: Any) -> str:
    """Spell one setting: whole numbers without a point, yes and no as 1 and 0."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def to_map(settings: SaleSettings) -> dict[str, str]:
    """Spell all settings."""
    return {name: to_text(name, getattr(settings, name)) for name in _KINDS}


def from_map(texts: Mapping[str, str]) -> SaleSettings:
    """Read settings back; what is absent has its default, what is unknown is ignored."""
    values: dict[str, Any] = {}
    for name, kind in _KINDS.items():
        if name in texts:
            values[name] = texts[name] == "1" if kind is bool else kind(texts[name])
    return SaleSettings(**values)
