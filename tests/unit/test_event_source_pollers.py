"""How many pollers a mapping gets."""

from dataclasses import replace

import pytest

from ops.local.event_source.mapping import MSK, EventSourceMapping
from ops.local.event_source.pollers import how_many

MAPPING = EventSourceMapping("m", MSK, "arn:x", "", "t", "g", "TRIM_HORIZON", 100, 0, True)


@pytest.mark.parametrize(
    ("allowed", "partitions", "least", "most", "count"),
    [
        (1, 6, 1, 4, 1),
        (4, 6, 1, 4, 4),
        (8, 6, 1, 4, 4),
        (8, 6, 1, 200, 6),
        (8, 2, 1, 4, 2),
        (8, 6, 1, None, 6),
        (4, 0, 1, 4, 1),
    ],
)
def test_the_least_of_what_mapping_topic_and_machine_allow(
    allowed: int, partitions: int, least: int, most: int | None, count: int
) -> None:
    assert how_many(replace(MAPPING, min_pollers=least, max_pollers=most), allowed, partitions) == count


def test_fewer_than_the_mapping_asks_for_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert how_many(replace(MAPPING, min_pollers=3, max_pollers=4), 2, 6) == 2
    assert "MinimumPollers is 3, there will be 2" in caplog.text
