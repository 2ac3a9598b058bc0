"""What a rehearsal is held against, read from TOML: the shipped file, and one of the user's over it.

Every threshold is the most that is allowed; None stands for "off". The shipped file (rehearsal.toml, beside this module
so that an installed `onsale` has it) says what each one means; there is no second copy of its values in code.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from ops.rehearse.fault_plan import FaultKind
from ops.rehearse.plan import RehearsalPlan
from ops.rehearse.presets import PRESETS

SHIPPED = "rehearsal.toml"
ENDPOINTS = ("enter", "status", "reserve", "confirm", "cancel", "sale", "seats")

_TABLES = ("preset", "fault")
_NAMES = {"preset": tuple(PRESETS), "fault": tuple(each.value for each in FaultKind)}


class BadThresholds(ValueError):
    """A file of thresholds that cannot be used; the text names every bad key."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The fields are the keys of rehearsal.toml."""

    oversold_tickets: int
    lost_tickets: int
    admitted_out_of_order: int
    unserved_buyers: int | None
    error_share: float | None
    enter_p99_ms: float | None
    status_p99_ms: float | None
    reserve_p99_ms: float | None
    confirm_p99_ms: float | None
    cancel_p99_ms: float | None
    sale_p99_ms: float | None
    seats_p99_ms: float | None
    sell_out_factor: float | None
    sell_out_slack_s: float
    sell_out_turn_s: float
    write_behind_p99_ms: float | None
    soak_memory_growth: float | None
    soak_memory_slack_mb: float
    soak_descriptors: int | None

    def p99_ms(self, endpoint: str) -> float | None:
        """Return the limit of an endpoint; None: there is none."""
        value: float | None = getattr(self, f"{endpoint}_p99_ms", None)
        return value


_TYPES: Mapping[str, Any] = {each.name: each.type for each in fields(Thresholds)}


def thresholds_of(plan: RehearsalPlan) -> Thresholds:
    """Return what a plan is held against. Raises BadThresholds."""
    return load(plan.thresholds_file, preset=plan.name, faults=[each.kind for each in plan.faults])


def load(path: Path | None = None, *, preset: str = "", faults: Sequence[str] = ()) -> Thresholds:
    """Return the thresholds of a rehearsal: shipped, of the preset, the user's, the user's of the preset.

    Then those of each fault in the plan, where they are looser.

    Raises:
        BadThresholds: the file cannot be read, is no TOML, or has a bad key or value.
    """
    documents = [_read(SHIPPED, files(__package__).joinpath(SHIPPED).read_text(encoding="utf-8"))]
    if path is not None:
        try:
            documents.append(_read(str(path), path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise BadThresholds(f"{path}: {error}") from error
    values: dict[str, Any] = {}
    for each in documents:
        values |= each[""] | each.get(f"preset.{preset}", {})
    for fault in faults:
        for key in _TYPES:
            allowed = [each[f"fault.{fault}"][key] for each in documents if key in each.get(f"fault.{fault}", {})]
            if allowed and values[key] is not None:
                values[key] = None if allowed[-1] is None else max(values[key], allowed[-1])
    return Thresholds(**values)


def _read(name: str, text: str) -> dict[str, dict[str, Any]]:
    """Return the tables of a file by their dotted names, "" being the top; "off" has become None."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadThresholds(f"{name}: {error}") from error
    tables: dict[str, Any] = {"": {key: value for key, value in document.items() if key not in _TABLES}}
    errors: list[str] = []
    for kind in _TABLES:
        of_kind = document.get(kind, {})
        if not isinstance(of_kind, dict):
            errors.append(f"{kind} must be a table such as [{kind}.NAME]")
            continue
        tables |= {f"{kind}.{key}": value for key, value in of_kind.items()}
    read = {table: _values(table, values, errors) for table, values in tables.items()}
    if errors:
        raise BadThresholds(f"{name}: {'; '.join(errors)}")
    return read


def _values(table: str, values: object, errors: list[str]) -> dict[str, Any]:
    kind, _, name = table.partition(".")
    if kind in _NAMES and name not in _NAMES[kind]:
        errors.append(f"{table} is no {kind}: those are {', '.join(_NAMES[kind])}")
    if not isinstance(values, dict):
        errors.append(f"{table} must be a table, not {values!r:.40}")
        return {}
    read = {}
    for key, value in values.items():
        path = f"{table}.{key}" if table else key
        if key not in _TYPES:
            errors.append(f"{path} is not a threshold")
        elif wrong := _wrong(_TYPES[key], value):
            errors.append(f"{path} must be {wrong}, not {value!r:.40}")
        else:
            read[key] = None if value == "off" else value
    return read


def _wrong(kind: Any, value: object) -> str:
    """Say what a value should have been, or nothing when it is right."""
    can_be_off, is_whole = type(None) in getattr(kind, "__args__", ()), kind in (int, int | None)
    if can_be_off and value == "off":
        return ""
    number = isinstance(value, int) or (isinstance(value, float) and not is_whole)
    if isinstance(value, bool) or not number or not 0 <= value < float("inf"):  # type: ignore[operator]
        word = "a whole number" if is_whole else "a number"
        return f"{word} of at least 0" + (' or "off"' if can_be_off else "")
    return ""
