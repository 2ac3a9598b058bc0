"""The settings of a sale as an operator spells them, and as the sale stores them: one table for both."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.errors import FieldError, InvalidRequest
from chalicelib.sale.model import MAX_LIMIT_PER_BUYER, SaleSettings
from functions import arguments
from functions.arguments import Reader

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: the name outside (camelCase), the field of SaleSettings, how to read it, and its meaning."""

    name: str
    field: str
    read: Reader
    meaning: str


SETTINGS = (
    Setting("name", "name", arguments.text(200), "what buyers see as the sale's name"),
    Setting("message", "message", arguments.text(1000), "a line for the waiting page"),
    Setting(
        "limitPerBuyer",
        "limit_per_buyer",
        arguments.whole(1, MAX_LIMIT_PER_BUYER),
        "units or seats that one buyer may have",
    ),
    Setting(
        "maxActive",
        "max_active",
        arguments.whole(1, 1_000_000),
        "buyers who may be choosing at the same time",
    ),
    Setting(
        "admitPerSecond",
        "admit_per_second",
        arguments.number(0, 1_000_000),
        "admissions a second; 0 = unlimited",
    ),
    Setting("overbook", "overbook", arguments.number(1, 100), "buyers admitted per free unit, at most"),
    Setting(
        "holdSeconds",
        "hold_ms",
        arguments.seconds(0.1, 7 * _DAY_S),
        "how long a reservation waits for payment",
    ),
    Setting("activeSeconds", "active_ms", arguments.seconds(0.1, _DAY_S), "how long an admitted buyer may choose"),
    Setting(
        "claimSeconds",
        "claim_ms",
        arguments.seconds(0.1, _DAY_S),
        "how long an admitted buyer has to show up",
    ),
    Setting("payment", "payment", arguments.one_of("none", "required"), "none sells at once; required holds first"),
    Setting("standby", "standby", arguments.flag, "keep the line when sold out, for tickets that come back"),
    Setting("opensAt", "opens_at_ms", arguments.moment, "when the sale opens"),
    Setting("queueOpensAt", "queue_opens_at_ms", arguments.moment, "when buyers may queue"),
    Setting("closesAt", "closes_at_ms", arguments.moment, "when the sale closes"),
    Setting(
        "maxOutbox",
        "max_outbox",
        arguments.whole(1, 10_000_000),
        "events waiting for Kafka that stop admission",
    ),
)

_BY_NAME = {setting.name: setting for setting in SETTINGS}
SCHEMA = {setting.name: setting.read for setting in SETTINGS}


def chosen(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings among read arguments, by field of SaleSettings."""
    return {_BY_NAME[name].field: value for name, value in values.items() if name in _BY_NAME}


def check_times(settings: SaleSettings) -> None:
    """Refuse times that contradict each other. Raises InvalidRequest."""
    errors = []
    if settings.queue_opens_at_ms and settings.queue_opens_at_ms > (settings.opens_at_ms or 0):
        errors.append(FieldError("queueOpensAt", "must not be after opensAt"))
    if settings.closes_at_ms and settings.closes_at_ms <= max(settings.opens_at_ms, settings.queue_opens_at_ms):
        errors.append(FieldError("closesAt", "must be after opensAt"))
    if errors:
        raise InvalidRequest(errors)


def as_json(settings: SaleSettings) -> dict[str, object]:
    """Return the settings as an operator spells them; a time that is not set is null."""
    document: dict[str, object] = {}
    for setting in SETTINGS:
        value = getattr(settings, setting.field)
        if setting.name.endswith("Seconds"):
            value = value / 1000
        elif setting.name.endswith("At"):
            value = iso(value)
        document[setting.name] = int(value) if isinstance(value, float) and value.is_integer() else value
    return document


def iso(at_ms: int) -> str | None:
    """Return ms since the epoch as ISO-8601 UTC with ms; None for 0, which means not set."""
    if not at_ms:
        return None
    when = datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
