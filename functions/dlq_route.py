"""Where a replayed record goes: back to where it came from, marked for the one function that could not apply it."""

from chalicelib.config import Settings
from functions.dead_letter_name import LetterName
from functions.dead_letter_queue import REPLAYED_FROM
from functions.dead_letter_table import Content
from functions.kafka_batch import Headers
from functions.producer import OutgoingRecord

REPLAY_TO = "replay-to"  # only the function that it names takes the record
_ALONE = frozenset({"notify"})  # to all others a repeat is harmless: versions decide. A message sent is sent.
_OURS = (REPLAYED_FROM, REPLAY_TO)


def topic_of(_function: str, settings: Settings) -> str:
    """Return the topic that a function reads; today all of them read one."""
    return settings.kafka_topic


def replayed(name: LetterName, content: Content, settings: Settings) -> OutgoingRecord:
    """Return the record as it goes out again: unchanged but for the headers that say that it is a replay."""
    kept = tuple((each, value) for each, value in content.headers if each not in _OURS)
    added: Headers = ((REPLAYED_FROM, str(name).encode()),)
    if name.function in _ALONE:
        added += ((REPLAY_TO, name.function.encode()),)
    return OutgoingRecord(topic_of(name.function, settings), content.key, content.value, kept + added)
