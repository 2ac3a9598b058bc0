"""What the functions tell: one JSON object per log line, and metrics in CloudWatch's embedded format (EMF).

Lines go to stderr, so that a command's stdout stays its own; metrics go to stdout, where Lambda picks them up. Never a
contact or a whole event. Nothing here is for the HTTP path, which imports none of it.
"""

import logging
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TextIO

from aws_lambda_powertools import Logger

from chalicelib import emf
from chalicelib.config import settings
from functions.kafka_batch import KafkaRecord


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what sys.stderr is now, as logging's own last resort does: a stream kept from import may be closed."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr

    def format(self, record: logging.LogRecord) -> str:
        record.__dict__["stage"] = settings().stage  # not at import, when no setting is to be read
        return super().format(record)


@cache
def logger(function: str) -> Logger:
    """Return a function's logger: `logger("persist").info("batch written", records=5)`.

    Fields come as keywords; of what one line is about `sale`, `epoch` and `version`. POWERTOOLS_LOG_LEVEL is its level.
    """
    made = Logger(
        f"{emf.SERVICE}.{function}",
        logger_handler=_Stderr(),
        log_record_order=["timestamp", "level", "message"],
        location=None,
        utc=True,
        use_rfc3339=True,
        serialize_stacktrace=False,
    )
    made.append_keys(service=emf.SERVICE, function=function)
    return made


def correlate(log: Logger, context: object) -> None:
    """Put the request id of Lambda's context on every line of this thread, until the next call."""
    log.thread_safe_append_keys(request_id=getattr(context, "aws_request_id", None))


def offsets(records: Iterable[KafkaRecord]) -> dict[str, list[int]]:
    """Return first and last offset of each partition that records are of, for the field of this name."""
    spans: dict[tuple[str, int], list[int]] = {}
    for topic, partition, offset, _, _ in records:
        span = spans.setdefault((topic, partition), [offset, offset])
        if offset > span[1]:
            span[1] = offset
        elif offset < span[0]:
            span[0] = offset
    return {f"{topic}-{partition}": span for (topic, partition), span in spans.items()}


class Metrics:
    """The metrics of one function. Safe to share between threads: nothing is kept between two calls."""

    def __init__(self, function: str) -> None:
        self._function = function

    def publish(self, **values: float) -> None:
        """Write values as one EMF line: `…_ms` are milliseconds, everything else counts."""
        emf.publish(self._function, **values)

    def publish_many(self, sale: str, name: str, values: Sequence[float]) -> None:
        """Write many values of one metric about a sale."""
        emf.publish_many(self._function, sale, name, values)


@cache
def metrics(function: str) -> Metrics:
    """Return a function's metrics: `metrics("persist").publish(records=5, duration_ms=12.5)`.

    Where there is no CloudWatch they would only be in the way: they are written by deployed functions, or where
    POWERTOOLS_METRICS_DISABLED is `false`.
    """
    return Metrics(function)
