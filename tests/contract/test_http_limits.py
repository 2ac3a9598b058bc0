"""Who asks too often is slowed: by user, by address, across processes; nobody loses a place by it."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
import redis

from tests.conftest import Eventually
from tests.contract.conftest import SERVERS, NewSale, serving
from tests.contract.http_client import Answer, Api

PER_USER, PER_ADDRESS, BURST_S = 2, 4, 5
ENOUGH = 300
FORGOTTEN = -2  # PTTL of a key that is no more; of one that is for ever it is -1


@pytest.fixture(params=SERVERS, scope="module")
def limited(request: pytest.FixtureRequest, redis_url: str) -> Iterator[Api]:
    """Each server, with low limits, behind one proxy."""
    with serving(request.param, redis_url, RATE_LIMIT=f"{PER_USER}/{PER_ADDRESS}", TRUSTED_PROXIES="1") as api:
        yield api


@pytest.fixture
def sale(limited: Api, new_sale: NewSale) -> Api:
    return limited.of_sale(new_sale(capacity=100, max_active=1))


def enter(sale: Api, user_id: str, address: str) -> Answer:
    return sale.send("POST", sale.path(f"/queue/enter?userId={user_id}"), headers={"X-Forwarded-For": address})


def status(sale: Api, user_id: str, address: str) -> Answer:
    return sale.get("/queue/status", {"X-Forwarded-For": address}, userId=user_id)


def until_slowed(ask: Callable[[int], Answer]) -> list[Answer]:
    """Ask until one is refused: after as many as a bucket holds, and some more as it fills meanwhile."""
    answers: list[Answer] = []
    while len(answers) < ENOUGH and (not answers or answers[-1].status != 429):
        answers.append(ask(len(answers)))
    return answers


def address() -> str:
    """An address that no other test has."""
    return f"2001:db8::{uuid4().hex[:4]}"


def test_a_buyer_who_polls_too_fast_is_slowed_and_keeps_the_place(sale: Api, eventually: Eventually) -> None:
    enter(sale, "first", address())
    number = enter(sale, "ann", address()).json["queueNumber"]
    slowed = until_slowed(lambda _: status(sale, "ann", address()))[-1]
    assert slowed.code == "too-many-requests"
    assert int(slowed.headers["retry-after"]) >= 1
    answers: list[Answer] = []

    def answers_again() -> bool:
        answers.append(status(sale, "ann", address()))
        return answers[-1].status != 429

    eventually(answers_again)
    assert answers[-1].json["queueNumber"] == number


def test_one_buyer_s_haste_slows_no_other(sale: Api) -> None:
    assert until_slowed(lambda _: enter(sale, "ann", address()))[-1].status == 429
    assert enter(sale, "bob", address()).status in (200, 202)


def test_an_address_is_slowed_however_many_buyers_it_invents(sale: Api) -> None:
    here = address()
    answers = until_slowed(lambda number: enter(sale, f"u-{number}", here))
    assert answers[-1].status == 429
    assert len(answers) > PER_ADDRESS * BURST_S
    assert enter(sale, "somewhere-else", address()).status in (200, 202)


def test_what_a_caller_writes_into_the_header_itself_is_not_believed(sale: Api) -> None:
    here = address()
    answers = until_slowed(lambda number: enter(sale, f"v-{number}", f"{address()}, {here}"))
    assert answers[-1].status == 429


def test_a_clock_that_was_put_back_keeps_nobody_waiting_for_longer_than_an_empty_bucket_takes(
    sale: Api, redis_url: str
) -> None:
    here = address()
    enter(sale, "ann", here)
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter(f"{{sale:{sale.sale_id}}}:bucket:*"):
            client.set(key, "9999999999999.000", px=60_000)
    slowed = enter(sale, "ann", here)
    assert slowed.code == "too-many-requests"
    assert int(slowed.headers["retry-after"]) == 1


def test_a_bucket_is_forgotten_once_it_would_be_full(sale: Api, redis_url: str) -> None:
    here = address()
    until_slowed(lambda _: enter(sale, "ann", here))  # nearly empty, it is kept for seconds
    with redis.Redis.from_url(redis_url) as client:
        keys = list(client.scan_iter(f"{{sale:{sale.sale_id}}}:bucket:*"))
        assert len(keys) == 2
        lasting_ms = [client.pttl(key) for key in keys]
        assert all(0 < each <= (BURST_S + 1) * 1000 or each == FORGOTTEN for each in lasting_ms)


def test_nothing_is_limited_on_one_machine_unless_it_is_asked_for(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale(capacity=100, max_active=1))
    assert {sale.post("/queue/enter", userId="ann").status for _ in range(60)} <= {200, 202}
