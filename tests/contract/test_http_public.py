"""The public routes: progress and seat map, made to be cached; health."""

import re

from tests.contract.conftest import NewSale
from tests.contract.http_client import Api

PUBLIC = "public, max-age=1, stale-while-revalidate=5"
A_SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z")


def test_a_sale_tells_its_progress(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(
        new_sale(
            capacity=3,
            name="Spring 봄",
            message="welcome",
            max_active=1,
            admit_per_second=0.5,
            limit_per_buyer=2,
            payment="required",
            closes_at_ms=4_102_444_800_000,
        )
    )
    for user in ("ann", "bob"):
        sale.post("/queue/enter", userId=user)
    sale.post("/reservations/reserve", userId="ann", quantity=2)
    answer = sale.get("/sale")
    assert answer.status == 200
    progress = answer.json
    assert A_SECOND.fullmatch(progress.pop("now"))
    assert re.fullmatch(r"\d+-\d+", progress.pop("version"))
    assert progress == {
        "saleId": sale.sale_id, "name": "Spring 봄", "state": "OPEN", "message": "welcome",
        "capacity": 3, "remaining": 1, "held": 2, "confirmed": 0, "waiting": 1, "active": 0, "admittedThrough": 1,
        "admitPerSecond": 0.5, "opensAt": None, "queueOpensAt": None, "closesAt": "2100-01-01T00:00:00.000Z",
        "limitPerBuyer": 2,
    }  # fmt: skip


def test_what_is_public_may_be_cached_for_a_second(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale(seat_ids=("A-1",)))
    for path in ("/sale", "/seats"):
        answer = sale.get(path)
        assert answer.headers["cache-control"] == PUBLIC
        assert re.fullmatch(r'"[0-9a-f]+"', answer.headers["etag"])
        assert answer.headers["content-type"] == "application/json"


def test_who_has_the_seat_map_already_is_told_so(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale(seat_ids=("A-1", "A-2")))
    etag = sale.get("/seats").headers["etag"]
    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        answer = sale.get("/seats", {"If-None-Match": known})
        assert (answer.status, answer.text) == (304, "")
        assert (answer.headers["etag"], answer.headers["cache-control"]) == (etag, PUBLIC)
    assert sale.get("/seats", {"If-None-Match": '"other"'}).status == 200
    sale.post("/queue/enter", userId="ann")
    sale.post("/reservations/reserve", userId="ann", seatId="A-2")
    changed = sale.get("/seats", {"If-None-Match": etag})
    assert changed.status == 200
    assert changed.headers["etag"] != etag


def test_progress_is_not_sent_again_while_it_is_the_same(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale())
    # `now` changes once a second, so one of a few attempts falls within a second, whichever process answers.
    attempts = (sale.get("/sale", {"If-None-Match": sale.get("/sale").headers["etag"]}) for _ in range(10))
    assert 304 in [answer.status for answer in attempts]


def test_progress_is_at_most_a_moment_old(api: Api, new_sale: NewSale, eventually: object) -> None:
    sale = api.of_sale(new_sale())
    assert sale.get("/sale").json["remaining"] == 10
    sale.post("/queue/enter", userId="ann")
    sale.post("/reservations/reserve", userId="ann")
    assert callable(eventually)
    eventually(lambda: sale.get("/sale").json["remaining"] == 9)


def test_seats_come_in_plan_order_page_by_page_and_never_tell_the_holder(api: Api, new_sale: NewSale) -> None:
    seat_ids = tuple(f"{row}-{number}" for row in "BA" for number in range(1, 6))
    sale = api.of_sale(new_sale(seat_ids=seat_ids, payment="required"))
    sale.post("/queue/enter", userId="ann-the-holder")
    sale.post("/reservations/reserve", userId="ann-the-holder", seatId="A-2")
    seats: list[dict[str, str]] = []
    after = "0"
    while True:
        page = sale.get("/seats", limit=4, after=after)
        assert set(page.json) == {"saleId", "version", "next", "reset", "seats"}
        assert "ann-the-holder" not in page.text
        assert page.json["reset"] is False
        seats += page.json["seats"]
        if page.json["next"] is None:
            break
        after = page.json["next"]
    assert [seat["seatId"] for seat in seats] == list(seat_ids)
    assert {seat["seatId"]: seat["state"] for seat in seats if seat["state"] != "FREE"} == {"A-2": "HELD"}


def test_only_what_changed_since_a_version_is_told(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale(seat_ids=("A-1", "A-2", "A-3")))
    version = sale.get("/seats").json["version"]
    assert sale.get("/seats", since=version).json["seats"] == []
    sale.post("/queue/enter", userId="ann")
    sale.post("/reservations/reserve", userId="ann", seatId="A-2")
    changes = sale.get("/seats", since=version).json
    assert changes["seats"] == [{"seatId": "A-2", "state": "CONFIRMED"}]
    assert changes["reset"] is False
    assert sale.get("/seats", since=changes["version"]).json["seats"] == []


def test_a_copy_of_another_epoch_must_be_discarded(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale(seat_ids=("A-1",)))
    assert sale.get("/seats", since="1-1").json["reset"] is True


def test_sixty_thousand_seats_page_in_thirty_answers(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale(seat_ids=tuple(f"S-{number}" for number in range(60_000))))
    pages, after = 0, "0"
    while after is not None:
        page = sale.get("/seats", after=after).json
        assert len(page["seats"]) == 2_000
        pages, after = pages + 1, page["next"]
    assert pages == 30


def test_health_is_told_outside_the_base(api: Api) -> None:
    answer = api.send("GET", "/health")
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    assert answer.headers["cache-control"] == "no-store"
