"""Reads a SAM or CloudFormation template: YAML with its short tags, parameters and references resolved.

Only what names something can be resolved on one machine: Ref, Fn::Sub, Fn::Join, and Fn::If where its condition is
about such. Anything else stays `Unresolved`, which harms nobody who does not need that value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ops.local.event_source.conditions import holds

_NO_VALUE = "AWS::NoValue"  # as a property it is none; it stands for itself until then


class BadTemplate(ValueError):
    """The template does not say what is needed; the message names the place."""


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A value that exists only when deployed, such as an attribute of a resource."""

    expression: str

    def __str__(self) -> str:
        return f"<{self.expression}>"


class _Loader(yaml.SafeLoader):
    """YAML with `!Ref`, `!Sub`, `!GetAtt` … read as the long forms."""


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tagged)


class Template:
    """A template with values for its parameters: those given, else their defaults."""

    def __init__(self, path: Path, parameters: Mapping[str, str], stack_name: str) -> None:
        self.path = path
        try:
            document = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506  # a SafeLoader
        except (OSError, RecursionError, ValueError, yaml.YAMLError) as error:  # ValueError: not UTF-8, no such date
            raise BadTemplate(f"{path}: {error}") from error
        if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
            raise BadTemplate(f"{path}: has no Resources")
        defaults = {
            name: definition["Default"]
            for name, definition in self._section(document, "Parameters").items()
            if isinstance(definition, dict) and "Default" in definition
        }
        self._known: dict[str, Any] = {
            "AWS::StackName": stack_name,
            "AWS::Region": "local",
            "AWS::AccountId": "000000000000",
            "AWS::Partition": "aws",
            **defaults,
            **parameters,
        }
        self.resources: dict[str, Any] = document["Resources"]
        self._conditions = self._section(document, "Conditions")
        self.globals: dict[str, Any] = self._section(self._section(document, "Globals"), "Function")

    def _section(self, of: dict[str, Any], name: str) -> dict[str, Any]:
        found = of.get(name) or {}
        if not isinstance(found, dict):
            raise BadTemplate(f"{self.path}: {name} must be properties, is {found!r}")
        return found

    def resolved(self, value: Any) -> Any:
        """Return a value with its references replaced, as deep as it goes. Raises BadTemplate for one that is none."""
        try:
            return self._resolved(value)
        except RecursionError as error:
            raise BadTemplate(f"{self.path}: is nested without end") from error
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise BadTemplate(f"{self.path}: has a Fn::Sub, Fn::Join or Fn::If that is none: {error}") from error

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._resolved(each) for each in value if not self._is_nothing(each)]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name == "Fn::If" and (chosen := self._chosen(argument)) is not None:
                return self._resolved(chosen)
            if name == "Ref":
                return self._reference(str(argument))
            if name == "Fn::Sub":
                return self._substituted(argument)
            if name == "Fn::Join":
                return str(argument[0]).join(str(self._resolved(each)) for each in argument[1])
            if name.startswith("Fn::"):
                return Unresolved(f"{name} {argument}")
        return {name: self._resolved(each) for name, each in value.items() if not self._is_nothing(each)}

    def _chosen(self, argument: Any) -> Any:
        """Return the branch that Fn::If takes; None where only a deployment knows."""
        condition, then, otherwise = argument
        verdict = holds(condition, self._conditions, self._operand)
        return None if verdict is None else then if verdict else otherwise

    def _operand(self, value: Any) -> Any:
        known = self._resolved(value)
        return None if isinstance(known, Unresolved) else known

    def _is_nothing(self, value: Any) -> bool:
        while isinstance(value, dict) and len(value) == 1 and "Fn::If" in value:
            value = self._chosen(value["Fn::If"])
        return bool(value == {"Ref": _NO_VALUE})

    def _reference(self, name: str) -> Any:
        return self._known.get(name, Unresolved(name))

    def _substituted(self, argument: Any) -> str:
        text, local = argument if isinstance(argument, list) else (argument, {})
        values = {name: self._resolved(each) for name, each in local.items()}

        def value_of(match: re.Match[str]) -> str:
            name = match.group(1)
            return match.group(0) if name.startswith("!") else str(values.get(name, self._reference(name)))

        return re.sub(r"\$\{([^}]+)\}", value_of, text).replace("${!", "${")
