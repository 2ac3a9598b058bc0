"""How numbers are spelled on the dashboard: short, with their unit, and one sign for what is not known."""

import math

UNKNOWN = "-"
_BARS = "▁▂▃▄▅▆▇█"
_NONE = "·"


def count(value: float | None) -> str:
    """Spell a whole number."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def rate(value: float | None) -> str:
    """Spell something per second."""
    if value is None:
        return f"{UNKNOWN}/s"
    return f"{value:,.0f}/s" if value >= 100 or value == 0 else f"{value:,.1f}/s"


def span(seconds: float | None) -> str:
    """Spell a time: 0.4 ms, 12 ms, 3.4 s, 2 min 5 s, 3 h 20 min."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0.9995:
        return f"{seconds * 1000:.1f} ms" if 0 < seconds < 0.00995 else f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60} min"


def memory(octets: float | None) -> str:
    """Spell an amount of memory."""
    if octets is None:
        return UNKNOWN
    return f"{octets / 2**30:.1f} GB" if octets >= 1000 * 2**20 else f"{octets / 2**20:.0f} MB"


def share(cores: float | None) -> str:
    """Spell how much of a core something takes."""
    return UNKNOWN if cores is None else f"{cores * 100:.0f}%"


def sparkline(cells: list[float | None]) -> str:
    """Draw cells as bars: a full one for the most, the least for anything above 0; a blank where nothing is known."""
    most = max((value for value in cells if value is not None), default=0.0)
    return "".join(" " if value is None else _bar(value, most) for value in cells)


def _bar(value: float, most: float) -> str:
    return _BARS[math.ceil(value / most * len(_BARS)) - 1] if value > 0 else _NONE
