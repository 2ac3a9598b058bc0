"""The payment provider's route: who may use it, what it does to a reservation, and what buyers then may not."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from chalicelib.sale.store import SaleStore
from chalicelib.signature import sign
from tests.contract.conftest import SERVERS, NewSale, serving
from tests.contract.http_client import Answer, Api

SECRET, PREVIOUS = "the provider's secret, long enough", "the one before it, which is as long"
PATH = "/api/v1/payments/callback"


@pytest.fixture(params=SERVERS, scope="module")
def paid_api(request: pytest.FixtureRequest, redis_url: str) -> Iterator[Api]:
    """Each server, with a payment provider."""
    secrets = {"PAYMENT_WEBHOOK_SECRET": SECRET, "PAYMENT_WEBHOOK_SECRET_PREVIOUS": PREVIOUS}
    with serving(request.param, redis_url, **secrets) as api:
        yield api


@dataclass(frozen=True, slots=True)
class Held:
    """A buyer's hold and the provider who is to say what became of its payment."""

    api: Api
    sale_id: str
    reservation_id: str
    user_id: str = "ann"

    def body(self, status: str, payment_id: str = "p-1", **changes: object) -> bytes:
        told = {"saleId": self.sale_id, "userId": self.user_id, "reservationId": self.reservation_id}
        return json.dumps({**told, "paymentId": payment_id, "status": status, **changes}).encode()

    def told(self, status: str, payment_id: str = "p-1", **changes: object) -> Answer:
        """What the provider is answered."""
        return tell(self.api, self.body(status, payment_id, **changes))

    @property
    def state(self) -> str:
        """Where the buyer stands."""
        return str(self.api.of_sale(self.sale_id).get("/queue/status", userId=self.user_id).json["state"])


def tell(api: Api, body: bytes, secret: str = SECRET, age_s: int = 0) -> Answer:
    headers = {"Content-Type": "application/json", "X-Onsale-Signature": sign(secret, body, int(time.time()) - age_s)}
    return api.send("POST", PATH, body, headers)


@pytest.fixture
def held(paid_api: Api, store: SaleStore, new_sale: NewSale) -> Held:
    sale_id = new_sale(payment="required", capacity=1)
    store.enter_queue(sale_id, "ann")
    reservation = store.reserve(sale_id, "ann", 1).reservation
    assert reservation is not None
    return Held(paid_api, sale_id, reservation.reservation_id)


def outcome(answer: Answer) -> str:
    assert answer.status == 200, answer.text
    return str(answer.json["outcome"])


def test_a_payment_that_succeeded_buys_what_is_held_however_often_it_is_told(held: Held) -> None:
    assert [outcome(held.told("succeeded")) for _ in range(3)] == ["CONFIRMED"] * 3
    assert held.state == "CONFIRMED"


def test_a_payment_that_failed_gives_the_hold_back_at_once(held: Held, store: SaleStore) -> None:
    assert outcome(held.told("failed")) == "RELEASED"
    assert held.state == "CANCELLED"
    assert outcome(held.told("failed")) == "RELEASED"
    assert store.enter_queue(held.sale_id, "bob").state == "ACTIVE"


def test_a_failure_told_after_a_success_takes_nothing_away(held: Held) -> None:
    held.told("succeeded")
    assert outcome(held.told("failed")) == "UNCHANGED"
    assert outcome(held.told("failed", "p-2")) == "UNCHANGED"
    assert held.state == "CONFIRMED"


def test_a_success_that_comes_too_late_or_twice_is_due_for_refund(held: Held) -> None:
    held.told("failed")
    assert [outcome(held.told("succeeded")) for _ in range(2)] == ["REFUND_DUE"] * 2
    assert held.state == "CANCELLED"


def test_a_second_payment_of_one_reservation_is_due_for_refund(held: Held) -> None:
    held.told("succeeded")
    assert [outcome(held.told("succeeded", "p-2")) for _ in range(2)] == ["REFUND_DUE"] * 2
    assert outcome(held.told("succeeded")) == "CONFIRMED"


def test_what_does_not_exist_is_said(held: Held) -> None:
    assert held.told("succeeded", userId="nobody").code == "no-reservation"
    assert held.told("failed", reservationId="1-1").code == "no-reservation"
    assert held.told("succeeded", saleId="nowhere").code == "no-such-sale"


def test_a_payment_for_another_reservation_is_due_for_refund(held: Held) -> None:
    assert outcome(held.told("succeeded", reservationId="1-1")) == "REFUND_DUE"
    assert held.state == "HELD"


def test_every_bad_field_is_named(held: Held) -> None:
    body = json.dumps({"saleId": "Ä", "userId": "", "status": "maybe", "paymentId": 5}).encode()
    assert tell(held.api, body).bad_fields == ["paymentId", "reservationId", "saleId", "status", "userId"]


def test_only_the_signed_body_counts_never_the_query(held: Held) -> None:
    body = held.body("failed")
    headers = {"Content-Type": "application/json", "X-Onsale-Signature": sign(SECRET, body, int(time.time()))}
    answer = held.api.send("POST", f"{PATH}?status=failed", body, headers)
    assert answer.bad_fields == ["status"]
    assert held.state == "HELD"


def test_the_secret_before_is_believed_while_it_is_changed(held: Held) -> None:
    assert outcome(tell(held.api, held.body("succeeded"), PREVIOUS)) == "CONFIRMED"


@pytest.mark.parametrize("age_s", [301, -301])
def test_a_message_that_was_recorded_and_sent_again_later_is_refused(held: Held, age_s: int) -> None:
    answer = tell(held.api, held.body("succeeded"), age_s=age_s)
    assert (answer.status, answer.code) == (401, "invalid-signature")
    assert held.state == "HELD"


def test_a_message_of_somebody_else_is_refused_before_it_is_read(held: Held) -> None:
    for body in (held.body("succeeded"), b"{ not json", b""):
        answer = tell(held.api, body, "a secret that nobody here knows of")
        assert (answer.status, answer.code) == (401, "invalid-signature")
    unsigned = held.api.send("POST", PATH, held.body("succeeded"), {"Content-Type": "application/json"})
    assert unsigned.code == "invalid-signature"
    assert held.state == "HELD"


def test_buyers_cannot_confirm_for_themselves_where_a_provider_does(held: Held) -> None:
    answer = held.api.of_sale(held.sale_id).post(
        "/reservations/confirm", {"userId": "ann", "reservationId": held.reservation_id, "paymentId": "p-1"}
    )
    assert (answer.status, answer.code) == (403, "confirm-by-payment-provider")
    assert held.state == "HELD"


def test_without_a_secret_nothing_is_believed(api: Api) -> None:
    answer = tell(api, b"{}")
    assert (answer.status, answer.code) == (503, "payment-not-configured")


def test_a_deployed_stage_without_a_secret_takes_no_buyer_s_word_for_a_payment(redis_url: str) -> None:
    deployed = {"AWS_LAMBDA_FUNCTION_NAME": "APIHandler", "IDENTITY": "jwt", "JWT_SECRET": "x" * 32}
    deployed |= {"JWT_AUDIENCE": "a", "JWT_ISSUER": "i"}
    with serving("gateway", redis_url, **deployed) as api:
        answer = tell(api, b"{}")
        assert (answer.status, answer.code) == (503, "payment-not-configured")
