"""Redis is a cluster: a node goes and its replica takes over, a slot moves, and no sale that is elsewhere notices."""

import time
from collections.abc import Iterator
from contextlib import closing, nullcontext

import pytest

from chalicelib.errors import StoreUnavailable
from chalicelib.wiring import reader
from ops.local.stack import Stack
from ops.operation import operate
from tests.faults.clusters import stack_on
from tests.faults.conftest import Recovered
from tests.faults.redis_nodes import RedisNodes, Shard, redis_nodes
from tests.faults.trade import Trade, wait_for

PAUSE_MS = 20_000


@pytest.fixture(scope="module")
def nodes() -> Iterator[RedisNodes]:
    """A cluster of three shards for this file."""
    with redis_nodes() as running:
        yield running


@pytest.fixture(scope="module")
def stack(nodes: RedisNodes) -> Iterator[Stack]:
    """A whole stack on it."""
    # Short enough for a silent node to be given up before its replica has been promoted.
    settings = {"REDIS_CONNECT_TIMEOUT_S": "1", "REDIS_READ_TIMEOUT_S": "2"}
    with stack_on({"REDIS_URL": nodes.url, "REDIS_CLUSTER": "1", **settings}) as running:
        yield running


@pytest.fixture(scope="module")
def here(nodes: RedisNodes, stack: Stack) -> Iterator[Trade]:
    """A sale on the node that has the list of all sales too. It runs through all tests, and balances in the end."""
    with closing(Trade(stack, nodes.sale_on(nodes.shard_of_the_list))) as running:
        running.sell(10)
        yield running


@pytest.fixture(scope="module")
def elsewhere(nodes: RedisNodes, stack: Stack) -> Iterator[Trade]:
    """A sale on another node, which nothing is done to."""
    with closing(Trade(stack, nodes.sale_on(nodes.others(nodes.shard_of_the_list)[0]))) as running:
        running.sell(10)
        yield running


@pytest.fixture(autouse=True)
def _undisturbed(elsewhere: Trade) -> Iterator[None]:
    """See that the other sale goes on meanwhile, with no request of its buyers refused."""
    sold = elsewhere.sold
    yield
    elsewhere.sell(max(1, sold + 10 - elsewhere.sold))
    assert not elsewhere.figures.failures


def test_a_node_hands_over_to_its_replica_and_is_stopped(nodes: RedisNodes, here: Trade, recovered: Recovered) -> None:
    shard = nodes.shard_of(here.sale_id)
    old, new = shard.primary, shard.replica
    asked_at_s = time.monotonic()
    new.ask("CLUSTER", "FAILOVER")
    wait_for(lambda: new.is_primary, "the replica has taken over")
    old.stop()
    here.sell(20)
    recovered(here.recovered_s(asked_at_s))
    old.start()
    nodes.recover()


@pytest.mark.parametrize("kill", [False, True], ids=["silent", "killed"])
def test_a_node_goes_and_its_replica_is_promoted(
    kill: bool, nodes: RedisNodes, here: Trade, elsewhere: Trade, recovered: Recovered
) -> None:
    shard = nodes.shard_of(here.sale_id)
    old, new = shard.primary, shard.replica
    catch_up(shard)
    if kill:
        old.stop(kill=True)
    with nullcontext() if kill else old.frozen():
        with new.frozen():  # or it would be promoted meanwhile where this machine is slow
            elsewhere.sell(3)
        wait_for(lambda: new.is_primary, "the replica has been promoted")
        promoted_at_s = time.monotonic()
        here.sell(5)
        wait_for(lambda: is_known_here(here), "this process too has learnt who was promoted")
        recovered(here.recovered_s(promoted_at_s))
    if kill:
        old.start()
    else:
        old.ask("CLIENT", "UNPAUSE")
    nodes.recover()


def catch_up(shard: Shard) -> None:
    """Let a primary take no more writes, and its replica get what it lacks: replication is asynchronous."""
    shard.primary.ask("CLIENT", "PAUSE", PAUSE_MS, "WRITE")
    wait_for(lambda: shard.is_in_sync, "a replica that has everything")


def is_known_here(trade: Trade) -> bool:
    try:
        return trade.version > 0
    except StoreUnavailable:
        return False


def test_a_sale_moves_to_another_node(nodes: RedisNodes, here: Trade, recovered: Recovered) -> None:
    moving_at_s = time.monotonic()
    nodes.move(here.sale_id, nodes.others(nodes.shard_of(here.sale_id))[0])
    here.sell(10)
    recovered(here.recovered_s(moving_at_s))


def test_buyers_of_the_sale_that_was_disturbed_were_told_to_come_again_and_nothing_else(here: Trade) -> None:
    assert here.figures.failures.keys() <= {"503 store-unavailable"}


def test_what_a_promoted_replica_has_never_got_is_named_by_the_ledger(nodes: RedisNodes, stack: Stack) -> None:
    shard = nodes.others(nodes.shard_of_the_list)[1]
    trade = Trade(stack, nodes.sale_on(shard))
    trade.sell(10)
    old, new = shard.primary, shard.replica
    with new.frozen():
        old.ask("CLIENT", "KILL", "TYPE", "replica")
        trade.sell(5)
        told = trade.end()
        trade.recovered_s(time.monotonic())
        old.stop(kill=True)
    wait_for(lambda: new.is_primary, "the replica has been promoted")
    wait_for(lambda: is_known_here(trade), "this process has learnt who was promoted")

    ledger = operate("ledger", saleId=trade.sale_id)

    remembered = reader().snapshot(trade.sale_id).buyers
    forgotten = {user for user in told if user not in remembered or remembered[user].state != "CONFIRMED"}
    assert len(forgotten) >= 5
    assert ledger["state"] == "differences"
    assert "lost-tail" in {each["kind"] for each in ledger["findings"]}
    assert forgotten <= {each.get("userId") for each in ledger["findings"] if each["kind"] == "purchase"}
