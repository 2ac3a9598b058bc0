"""Which worker runs which tests, and what is begun first.

Those of one file go to one worker, and those of all files that share a slow server. The longest are dealt out first,
or the last of them would run alone at the end while the other workers have nothing left to do.
"""

import re
from pathlib import PurePath

import pytest
from xdist.scheduler import LoadFileScheduling

# The longest first, by what they took beside each other on two cores (20 s and more); the rest comes after them.
LONGEST = (
    "faults/test_mysql.py",
    "faults/test_kafka.py",
    "stack/test_cli_sale.py",
    "stack/test_emulator.py",
    "stack/test_secrets.py",
    "stack/test_demo.py",
    "stack/test_rehearse.py",
    "stack/test_interruption.py",
    "functions/test_dlq_replay.py",
    "contract/test_schemathesis.py",
    "faults/test_redis_cluster.py",
    "faults/test_kafka_cluster.py",
    "functions/test_event_source_child.py",
    "functions/test_event_source_process.py",
    "stack/test_commands.py",
    "stack/test_cli_dlq.py",
    "contract/test_aws_backends.py",
    "functions/test_secrets_kafka.py",
)
# Files as if they were one, because they share a server that takes long to start, or 650 MB. A whole stack is wanted by
# too many for one worker, so there are two.
TOGETHER = {
    "LocalStack": r"contract/test_aws_\w+",
    "the stack of all faults": r"faults/test_(?:kafka|mysql|redis)",
    "a whole stack": r"stack/test_(?:secrets|cli_dlq|rehearse|watch)",
    "another whole stack": r"stack/test_(?:cli_sale|metrics|notifications|observe)|contract/test_kafka_events",
}


class ByServer(LoadFileScheduling):  # type: ignore[misc] # it comes without types
    """`--dist loadfile`, with the files that belong together as one."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        found = (name for name, files in TOGETHER.items() if re.search(rf"(?:^|/)(?:{files})\.py$", file))
        return next(found, file)


def longest_first(items: list[pytest.Item]) -> None:
    """Sort tests by their file, the longest first, all else as it was."""
    place = {file: number for number, file in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get("/".join(PurePath(item.path).parts[-2:]), len(place)))
