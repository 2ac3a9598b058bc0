"""A poller's place in its group: the consumer that holds it, and another one when that is of no more use.

Deaf: a broker that is being stopped may name no brokers at all, and librdkafka then forgets every one it knew, the
bootstrap ones too, and never looks for them again (librdkafka issue 5301). Only a new consumer does. One is told to be
deaf by this: it reaches no broker, while a client made just now does.

Refused: a broker may allow no session as short as is asked for; then it is as long as Kafka's default allows.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as ConsumedMessage
from confluent_kafka.admin import AdminClient

from functions.kafka_login import tie

_SILENCE_S = 5.0  # without a record: a look whether the broker is there costs one request
_AT_ONCE_S = 0.5
_ANEW_S = 1.0  # to connect
_AGAIN_S = 1.5  # longer than a client pauses between two attempts to connect
_ALLOWED_SESSION_MS = 6_000
_DOUBTS = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT)
_log = logging.getLogger(__name__)

Hear = Callable[[Consumer, list[TopicPartition]], None]


class Membership:
    """A consumer with its subscription. `consumer` is another one after `renew`."""

    def __init__(
        self,
        client_config: Mapping[str, Any],
        consumer_config: Mapping[str, Any],
        topic: str,
        *,
        on_assign: Hear,
        on_revoke: Hear,
        on_lost: Hear,
    ) -> None:
        self._client_config = client_config
        self._config = {**client_config, **consumer_config, "error_cb": self._doubt}
        self._login = client_config.get("error_cb")
        self._topic = topic
        self._hear: dict[str, Hear] = {"on_assign": on_assign, "on_revoke": on_revoke, "on_lost": on_lost}
        self._doubted = self._over = False
        self._heard_at_s = time.monotonic()
        self.consumer = self._made()

    def _made(self) -> Consumer:
        made = Consumer(self._config)
        tie(made, self._client_config)
        return made

    def join(self) -> None:
        """Ask for partitions; they come while `consume` runs."""
        self.consumer.subscribe([self._topic], **self._hear)

    def consume(self, count: int, timeout_s: float) -> list[ConsumedMessage]:
        """Return the records that come in time. Raises KafkaException when the consumer can no longer be used."""
        came = []
        for each in self.consumer.consume(count, timeout_s):
            error = each.error()
            if error is None:
                came.append(each)
            else:
                self._take_note(error)
        if came:
            self._heard_at_s, self._doubted = time.monotonic(), False
        return came

    def is_over(self) -> bool:
        """Tell whether only another consumer can go on. Once true it stays true, until `renew`."""
        if not self._over and (self._doubted or time.monotonic() - self._heard_at_s > _SILENCE_S):
            self._over = self._is_deaf()
        return self._over

    def renew(self) -> None:
        """Leave, as far as that is possible, and join as a new member."""
        self.consumer.close()
        self._doubted = self._over = False
        self._heard_at_s = time.monotonic()
        self.consumer = self._made()
        self.join()

    def close(self) -> None:
        """Leave the group, so that the others take over at once."""
        self.consumer.close()

    def _take_note(self, error: KafkaError) -> None:
        _log.warning("consuming %s: %s", self._topic, error.str())
        if error.fatal():
            raise KafkaException(error)
        if error.code() == KafkaError.INVALID_SESSION_TIMEOUT and self._config["session.timeout.ms"] != (
            _ALLOWED_SESSION_MS
        ):
            self._config["session.timeout.ms"] = _ALLOWED_SESSION_MS
            self._over = True

    def _doubt(self, error: KafkaError) -> None:
        self._doubted = self._doubted or error.code() in _DOUBTS
        if self._login:
            self._login(error)

    def _is_deaf(self) -> bool:
        if self._reaches(self.consumer, _AT_ONCE_S):
            self._heard_at_s, self._doubted = time.monotonic(), False
            return False
        if not self._reaches(AdminClient(dict(self._client_config)), _ANEW_S):
            return False  # nobody does
        if self._reaches(self.consumer, _AGAIN_S):
            return False
        _log.warning("consuming %s: this consumer reaches no broker, another would: it is replaced", self._topic)
        return True

    def _reaches(self, client: Consumer | AdminClient, within_s: float) -> bool:
        """Tell whether a client learns of a broker: that one that is being stopped names none is no answer."""
        try:
            return bool(client.list_topics(self._topic, timeout=within_s).brokers)
        except KafkaException:
            return False
