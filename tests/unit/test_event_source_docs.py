"""The manual's table of properties is the code's."""

import re
from pathlib import Path

from ops.local.event_source.properties import PROPERTIES

MANUAL = Path(__file__).parents[2] / "docs" / "event-source.md"


def test_the_manual_says_of_every_property_what_the_code_does_with_it() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([a-z ]+) \|", MANUAL.read_text(encoding="utf-8"), re.MULTILINE)

    assert rows == [(name, support.how) for name, support in PROPERTIES.items()]
