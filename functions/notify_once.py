"""Does a thing once for each name: the idempotency of Powertools, kept in the Redis of the sales.

A name is marked before the thing is done and kept with its answer afterwards, so whoever comes again gets that answer.
What dies in between leaves the mark: nobody else tries until `IN_PROGRESS_MS` are over, then it is done again. So a
message goes out twice only where a process dies, or an answer is lost, after the provider has taken the message and
before the answer is kept. The other choice, never to try again, would leave a buyer untold.
"""

import time
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, cast
from urllib.parse import urlsplit

import redis
from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyItemAlreadyExistsError,
    IdempotencyPersistenceLayerError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer
from aws_lambda_powertools.utilities.idempotency.persistence.cache import CachePersistenceLayer
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import AuthenticationError
from redis.retry import Retry

from chalicelib.config import Settings, settings
from chalicelib.errors import OnsaleError
from chalicelib.redis_urls import node_urls
from chalicelib.sale.login import Login, without_login
from chalicelib.wiring import redis_login
from functions.notify_providers import CONNECT_TIMEOUT_S, PAUSES_S, READ_TIMEOUT_S
from functions.topics import RETENTION_MS

# Longer than a record stays on its topic: whatever Kafka may deliver again is known to have been sent.
KEPT_S = RETENTION_MS // 1000 + 24 * 3600
# The longest that one message may take, all its tries with it, and a little.
IN_PROGRESS_MS = int(((CONNECT_TIMEOUT_S + READ_TIMEOUT_S) * (len(PAUSES_S) + 1) + sum(PAUSES_S) + 2) * 1000)
_PREFIX = "notified"


class NotNow(OnsaleError):
    """Somebody else is about it, or Redis cannot say."""

    def __init__(self, detail: str) -> None:
        super().__init__("not-now", detail)


class Once:
    """Does things once, from several threads too."""

    def __init__(self, client: "redis.Redis | RedisCluster", login: Login | None = None) -> None:
        self._login = login
        with warnings.catch_warnings():  # the class is deprecated under its old name, its new name is the same class
            warnings.simplefilter("ignore", DeprecationWarning)
            self._store: BasePersistenceLayer = CachePersistenceLayer(client=cast(Any, client))
        # Powertools would do so at the first use, and not safely where several threads come first.
        self._store.configure(_config(0.0), "", key_prefix=_PREFIX)

    def do(self, name: str, deadline_s: float, act: Callable[[], dict[str, str]]) -> dict[str, str]:
        """Return what `act` returns, or has returned for this name before. `deadline_s`: monotonic end of the function.

        Raises what `act` raises, and the name is free again; NotNow when nothing was done and nobody may try now.
        """
        answers: list[dict[str, str]] = []

        def acting(*, name: str) -> dict[str, str]:  # its parameter is what Powertools makes the key of
            answers.append(act())
            return answers[0]

        once = idempotent_function(
            acting,
            data_keyword_argument="name",
            persistence_store=self._store,
            config=_config(deadline_s),
            key_prefix=_PREFIX,
        )
        try:
            return cast(dict[str, str], once(name=name))
        except (IdempotencyAlreadyInProgressError, IdempotencyInconsistentStateError):
            raise NotNow("it is being done, or was when its process died") from None
        except (IdempotencyItemAlreadyExistsError, IdempotencyPersistenceLayerError) as error:
            if answers:  # done, though Redis could not keep that: whoever asked must know
                return answers[0]
            if isinstance(error.__cause__, AuthenticationError) and self._login and self._login.renewed():
                return self.do(name, deadline_s, act)  # with another password than the one that was refused
            raise NotNow(f"Redis does not answer: {type(error.__cause__ or error).__name__}") from None


class _Remaining:
    """What Powertools asks of Lambda's context, in order to know when to give a name up for dead."""

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s

    def get_remaining_time_in_millis(self) -> int:
        """Return the ms until a message must have been sent: those of the function, or of one message."""
        return max(0, min(IN_PROGRESS_MS, int((self._deadline_s - time.monotonic()) * 1000)))


def _config(deadline_s: float) -> IdempotencyConfig:
    config = IdempotencyConfig(expires_after_seconds=KEPT_S, hash_function="sha256")
    config.register_lambda_context(cast(Any, _Remaining(deadline_s)))
    return config


def open_client(of: Settings, login: Login | None = None) -> "redis.Redis | RedisCluster":
    """Return a client with the settings' time-outs; a cluster is asked for its slots, else nothing is connected yet."""
    url = of.redis_url or "redis://127.0.0.1:6379"  # rediss:// is TLS, verified
    timeouts: dict[str, Any] = {"socket_timeout": of.redis_read_timeout_s}
    if login:
        url = without_login(url)
        timeouts["credential_provider"] = login
    if not url.startswith("unix://"):
        timeouts["socket_connect_timeout"] = of.redis_connect_timeout_s
    if of.redis_cluster:
        first, *others = node_urls(url)
        seeds = [ClusterNode(parts.hostname, parts.port or 6379) for parts in map(urlsplit, others)]
        try:
            return RedisCluster(url=first, startup_nodes=seeds, **timeouts)
        except redis.RedisError:
            if not (login and login.renewed()):
                raise
            return RedisCluster(url=first, startup_nodes=seeds, **timeouts)
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 1), **timeouts)


@cache
def once() -> Once:
    """Return this process' memory of what was done."""
    login = redis_login(settings())
    return Once(open_client(settings(), login), login)
