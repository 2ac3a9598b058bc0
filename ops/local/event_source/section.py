"""Typed reading of a template's properties: every complaint names file, function, property and what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.local.event_source.template import BadTemplate, Unresolved


@dataclass(frozen=True, slots=True)
class Section:
    """The properties at one place of a template; `path` leads to those that are nested."""

    where: str
    values: Mapping[str, Any]
    path: str = ""

    def wrong(self, name: str, problem: str) -> BadTemplate:
        """Return the complaint about a property."""
        return BadTemplate(f"{self.where}: {self.path}{name} {problem}")

    def get(self, name: str) -> Any:
        """Return a property as it is, None where absent. Raises BadTemplate when only a deployment knows it."""
        value = self.values.get(name)
        if isinstance(value, Unresolved):
            raise self.wrong(name, f"is {value}, which has no value here; --parameter NAME=VALUE gives parameters one")
        return value

    def text(self, name: str, default: str = "") -> str:
        """Return a text."""
        value = self.get(name)
        if value is None:
            return default
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise self.wrong(name, f"must be a text, is {value!r}")
        return str(value)

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """Return a whole number within bounds; CloudFormation takes it as a text, too."""
        value = self.get(name)
        if value is None:
            return default
        try:
            number = int(value) if isinstance(value, int | str) and not isinstance(value, bool) else None
        except ValueError:
            number = None
        if number is None or not least <= number <= most:
            raise self.wrong(name, f"must be a whole number from {least} to {most}, is {value!r}")
        return number

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false; CloudFormation takes them as texts, too."""
        value = self.get(name)
        if value is None:
            return default
        spelled = str(value).lower()
        if spelled not in ("true", "false"):
            raise self.wrong(name, f"must be true or false, is {value!r}")
        return spelled == "true"

    def items(self, name: str) -> list[Any]:
        """Return a list, empty where absent."""
        value = self.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong(name, f"must be a list, is {value!r}")
        return value

    def section(self, name: str) -> "Section":
        """Return nested properties, empty where absent."""
        value = self.get(name)
        if value is not None and not isinstance(value, Mapping):
            raise self.wrong(name, f"must be properties, is {value!r}")
        return Section(self.where, value or {}, f"{self.path}{name}.")
