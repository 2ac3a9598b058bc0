"""The settings: the only module that reads the environment.

Nothing is read at import, because `chalice package` imports the app on a machine that has no settings. `settings()`
reads once and keeps the answer; a bad value stops the first use and names every bad value at once. Which settings
there are is declared in `chalicelib.setting_declarations`.
"""

import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any

from chalicelib.errors import BadSetting, FieldError
from chalicelib.rates import UNLIMITED, WHEN_DEPLOYED, Rates, read_rates
from chalicelib.setting_conflicts import conflicts
from chalicelib.setting_declarations import Declarations


class Settings(Declarations):
    """All settings of a process, and what follows from several of them."""

    __slots__ = ()  # no dataclass of its own: it has no field, and to make one costs a cold start 2 ms

    @property
    def limits(self) -> Rates:
        """How often one may ask here."""
        if self.rate_limit == "auto":
            return WHEN_DEPLOYED if self.lambda_function else UNLIMITED
        return read_rates(self.rate_limit)

    @property
    def region(self) -> str:
        """The region of AWS' services."""
        return self.aws_region or self.aws_default_region

    @property
    def publishes_metrics(self) -> bool:
        """Whether functions write metrics: only CloudWatch reads them."""
        return bool(self.lambda_function) if not self.metrics_disabled else self.metrics_disabled == "false"

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Parse an environment; an empty variable counts as absent. Raises BadSetting naming every bad one."""
        parsed: dict[str, Any] = {}
        errors: list[FieldError] = []
        for each in fields(cls):
            text = environment.get(each.metadata["name"], "")
            if not text:
                continue
            try:
                parsed[each.name] = each.metadata["parse"](text)
            except ValueError as error:
                told = "; its value is not shown" if each.metadata["secret"] else f", not {text!r}"
                errors.append(FieldError(each.metadata["name"], f"{error}{told}"))
        if errors:
            raise BadSetting(errors)
        read = cls(**parsed)
        if contradicting := conflicts(read):
            raise BadSetting(contradicting)
        return read


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """What a person needs to know of one setting."""

    name: str
    default: str
    meaning: str


def documented() -> list[SettingDoc]:
    """Return every setting with its default as the environment would spell it."""
    rows = []
    for each in fields(Settings):
        default = "" if each.default is MISSING else each.default
        spelled = str(int(default)) if isinstance(default, bool) else str(default)
        rows.append(SettingDoc(each.metadata["name"], spelled, each.metadata["meaning"]))
    return rows


@cache
def settings() -> Settings:
    """Return the settings of this process, read from its environment on the first call."""
    return Settings.read(os.environ)
