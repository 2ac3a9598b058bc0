"""Who asks too often is slowed: by user, by address, across processes; nobody loses a place by it."""

import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
import redis

from tests.contract.conftest import SERVERS, NewSale, serving
from tests.contract.http_client import Answer, Api

PER_USER, PER_ADDRESS, BURST_S = 2, 4, 5


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


def address() -> str:
    """An address that no other test has."""
    return f"2001:db8::{uuid4().hex[:4]}"


def test_a_buyer_who_polls_too_fast_is_slowed_and_keeps_the_place(sale: Api) -> None:
    enter(sale, "first", address())
    number = enter(sale, "ann", address()).json["queueNumber"]
    answers = [status(sale, "ann", address()) for _ in range(PER_USER * BURST_S + 3)]
    slowed = [each for each in answers if each.status == 429]
    assert slowed
    assert {each.code for each in slowed} == {"too-many-requests"}
    assert all(int(each.headers["retry-after"]) >= 1 for each in slowed)
    deadline = time.monotonic() + 5
    while (answer := status(sale, "ann", address())).status == 429 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert answer.json["queueNumber"] == number


def test_one_buyer_s_haste_slows_no_other(sale: Api) -> None:
    while enter(sale, "ann", address()).status != 429:
        pass
    assert enter(sale, "bob", address()).status in (200, 202)


def test_an_address_is_slowed_however_many_buyers_it_invents(sale: Api) -> None:
    here = address()
    answers = [enter(sale, f"u-{number}", here).status for number in range(PER_ADDRESS * BURST_S + 3)]
    assert answers.count(429) >= 1
    assert 429 not in answers[: PER_ADDRESS * BURST_S]
    assert enter(sale, "somewhere-else", address()).status in (200, 202)


def test_what_a_caller_writes_into_the_header_itself_is_not_believed(sale: Api) -> None:
    here = address()
    answers = [enter(sale, f"v-{number}", f"{address()}, {here}").status for number in range(PER_ADDRESS * BURST_S + 3)]
    assert 429 in answers


def test_a_bucket_is_forgotten_once_it_would_be_full(sale: Api, redis_url: str) -> None:
    enter(sale, "ann", address())
    with redis.Redis.from_url(redis_url) as client:
        keys = list(client.scan_iter(f"{{sale:{sale.sale_id}}}:rate:*"))
        assert len(keys) == 2
        assert all(0 < client.pttl(key) <= (BURST_S + 1) * 1000 for key in keys)


def test_nothing_is_limited_on_one_machine_unless_it_is_asked_for(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale(capacity=100, max_active=1))
    assert {sale.post("/queue/enter", userId="ann").status for _ in range(60)} <= {200, 202}
