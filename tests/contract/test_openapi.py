"""The OpenAPI document is what the code declares, its files are what it says, and what is declared is true."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chalice.app import Chalice, Response
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from app import app
from chalicelib.api import bodies
from chalicelib.api.contract import CONTRACTS, Answer, promises
from chalicelib.api.payments import SIGNATURE_HEADER
from chalicelib.api.responses import PROBLEMS
from chalicelib.api.shapes import SHAPES
from chalicelib.sale import model, scripts
from chalicelib.sale.replies import REFUSALS
from ops.openapi.__main__ import written
from ops.openapi.advice import ERRORS
from ops.openapi.document import OF_A_SALE, UndeclaredError, document
from ops.openapi.given import SIGNATURE
from ops.openapi.markup import grouped, resolved
from ops.openapi.schemas import BUYER_STATES, SALE_STATES
from ops.openapi.words import PARAMETERS
from tests.contract.conformance import contract, faults_of

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
SCRIPT_OF = {"leave_queue_by_post": "leave_queue"}
Spec = dict[str, Any]


def operations() -> Iterator[tuple[str, str, Spec]]:
    """Every (path, method, operation) of the document."""
    for path, methods in contract()["paths"].items():
        for method, spec in methods.items():
            yield path, method, spec


def codes_of(spec: Spec) -> set[str]:
    """The codes that an operation may answer with."""
    responses = (resolved(contract(), each) for each in spec["responses"].values())
    contents = (each.get("content", {}).get("application/problem+json", {}) for each in responses)
    return {code for content in contents for code in content.get("examples", ())}


@pytest.mark.parametrize("name", written())
def test_the_committed_files_are_what_the_code_says(name: str) -> None:
    kept = (PROJECT / name).read_text(encoding="utf-8") if (PROJECT / name).exists() else ""
    assert kept == written()[name], f"{name} is not what the code says: run `make openapi` and commit what it writes"


def test_the_document_is_valid_openapi_3_1() -> None:
    assert contract()["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(contract()).iter_errors()] == []


def test_the_document_has_every_route_and_no_other() -> None:
    served = {(path, method.lower()) for path, views in app.routes.items() for method in views}
    assert {(path, method) for path, method, _ in operations()} == served
    names = [spec["operationId"] for _, _, spec in operations()]
    assert len(set(names)) == len(names)


def test_every_route_that_asks_for_a_token_says_so_and_no_other() -> None:
    guarded = {path for path, views in app.routes.items() for view in views.values() if view.authorizer is not None}
    assert {path for path, _, spec in operations() if "security" in spec} == guarded
    for path, _, spec in operations():
        assert ("unauthenticated" in codes_of(spec)) == (path in guarded)


def test_every_error_has_an_example_that_keeps_its_own_schema_and_an_advice() -> None:
    assert set(ERRORS) == set(PROBLEMS) == set(contract()["components"]["examples"])
    for code, example in contract()["components"]["examples"].items():
        name = "Problem" + "".join(word.capitalize() for word in code.split("-"))
        assert faults_of({"$ref": f"#/components/schemas/{name}"}, example["value"]) == []
        assert ERRORS[code].do.endswith(".")


@pytest.mark.parametrize("code", PROBLEMS)
def test_an_example_of_an_error_is_refused_as_any_other_error(code: str) -> None:
    other = "sold-out" if code != "sold-out" else "sale-closed"
    name = "Problem" + "".join(word.capitalize() for word in other.split("-"))
    example = contract()["components"]["examples"][code]["value"]
    assert faults_of({"$ref": f"#/components/schemas/{name}"}, example) != []


def test_every_example_of_an_answer_keeps_its_schema() -> None:
    for name, schema in contract()["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            if name != "OpenApi":
                assert faults_of({"$ref": f"#/components/schemas/{name}"}, example) == []
    for response in contract()["components"]["responses"].values():
        for content in response.get("content", {}).values():
            for example in content["examples"].values() if "examples" in content else ():
                assert faults_of(content["schema"], resolved(contract(), example)["value"]) == []


def test_every_example_of_a_request_keeps_the_schema_of_the_request() -> None:
    for body in contract()["components"]["requestBodies"].values():
        for content in body["content"].values():
            for example in content["examples"].values():
                assert faults_of(content["schema"], example["value"]) == []
    for _, _, spec in operations():
        for parameter in spec["parameters"]:
            if "example" in parameter:
                assert faults_of(parameter["schema"], parameter["example"]) == []


@pytest.mark.parametrize("handler", CONTRACTS, ids=lambda handler: handler.__name__)
def test_a_route_promises_exactly_the_refusals_of_its_script(handler: Any) -> None:
    stem = SCRIPT_OF.get(handler.__name__, handler.__name__)
    try:
        source = scripts.source(stem)
    except FileNotFoundError:
        return  # what only reads has no script
    words = set(re.findall(r'^--   \{"([A-Z_]+)"', source, re.MULTILINE)) & {word.decode() for word in REFUSALS}
    codes = {word.lower().replace("_", "-") for word in words}
    assert set(CONTRACTS[handler].refusals) & {word.decode().lower().replace("_", "-") for word in REFUSALS} == (
        codes - set(OF_A_SALE)
    )


def test_a_promised_code_is_in_the_table_of_errors() -> None:
    assert {code for each in CONTRACTS.values() for code in each.refusals} <= set(PROBLEMS)


def test_the_readme_s_table_of_routes_tells_the_same_answers_and_refusals() -> None:
    rows = re.findall(
        r"^\| (GET|POST|DELETE) \| `(/[^`]*)` \| (?:`[^`]*`)? ?\| [^|]*\| ([^|]*)\|$", README, re.MULTILINE
    )
    told = {(path, method.lower()): answers for method, path, answers in rows}
    for each in grouped(contract()):
        answers = told[each.paths[0], each.method]
        statuses = {status for status in each.spec["responses"] if status < "400"}
        handler = next(handler for handler in CONTRACTS if _camel(handler.__name__) == each.name)
        assert set(re.findall(r"\b[23]\d\d\b", answers)) == statuses, each.paths
        assert set(re.findall(r"`([a-z-]+)`", answers)) == set(CONTRACTS[handler].refusals), each.paths


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(map(str.capitalize, tail))


def test_every_parameter_is_explained_and_no_other() -> None:
    named = {parameter["name"] for _, _, spec in operations() for parameter in spec["parameters"]}
    for body in contract()["components"]["requestBodies"].values():
        for content in body["content"].values():
            named |= set(content["schema"]["properties"])
    assert named - {"If-None-Match", SIGNATURE["name"]} == set(PARAMETERS)


def test_the_header_of_a_signature_is_the_one_that_is_read() -> None:
    assert SIGNATURE["name"].lower() == SIGNATURE_HEADER
    signed = {spec["operationId"] for _, _, spec in operations() if SIGNATURE in spec["parameters"]}
    assert signed == {"paymentCallback"}


def test_every_shape_is_told_by_its_pattern() -> None:
    for shape in SHAPES:
        assert re.compile(shape.pattern)


def test_a_route_that_promises_nothing_cannot_be_documented() -> None:
    mute = Chalice(app_name="mute")

    @mute.route("/mute")
    def nothing() -> Response:
        """Say nothing."""
        return Response("")

    with pytest.raises(UndeclaredError, match="GET /mute: nothing needs @promises"):
        document(mute)


def test_a_handler_that_never_checks_cannot_be_documented() -> None:
    hasty = Chalice(app_name="hasty")

    @hasty.route("/hasty")
    @promises(Answer(200, "Done."))
    def rush(_: object) -> Response:
        """Rush."""
        return Response("")

    try:
        with pytest.raises(ValueError, match="rush does not check its parameters"):
            document(hasty)
    finally:
        del CONTRACTS[rush]


WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)
TIMES = st.integers(1, 4_102_444_800_000)
RESERVATIONS = st.builds(
    model.Reservation,
    st.just("1796122800-42"),
    st.sampled_from([model.HELD, model.CONFIRMED, model.EXPIRED, model.CANCELLED]),
    st.integers(1, 20),
    st.lists(st.from_regex(r"[A-Za-z0-9._-]{1,32}", fullmatch=True), max_size=3).map(tuple),
    st.just(0) | TIMES,
)


@given(WORDS, st.sampled_from(BUYER_STATES), TIMES, st.integers(1, 10**9), st.integers(-1, 10**9), RESERVATIONS)
def test_every_buyer_that_can_be_written_keeps_the_schema(
    user_id: str, state: str, at_ms: int, number: int, eta_ms: int, reservation: model.Reservation
) -> None:
    is_waiting, holds = state == model.WAITING, state not in (model.WAITING, model.ACTIVE, model.LAPSED)
    buyer = model.Buyer(
        "spring",
        user_id,
        state,
        at_ms,
        number if is_waiting else 0,
        number if is_waiting else 0,
        eta_ms,
        250 + number % 29_000 if is_waiting else 0,
        at_ms if state in (model.ACTIVE, model.HELD) else 0,
        "time-up" if state == model.LAPSED else "",
        reservation if holds else None,
    )
    assert _faults("Buyer", bodies.buyer_body(buyer)) == []


@given(
    st.text(max_size=20), st.sampled_from(SALE_STATES), st.integers(0, 10**9), st.just(0) | TIMES, st.floats(0, 10**6)
)
def test_every_sale_that_can_be_written_keeps_the_schema(
    name: str, state: str, count: int, at_ms: int, rate: float
) -> None:
    settings = model.SaleSettings(name=name, message=name, admit_per_second=rate, opens_at_ms=at_ms, closes_at_ms=at_ms)
    sale = model.Sale("spring", state, at_ms, 5, 6, False, 3 * count, count, count, count, count, 0, count, settings)
    assert _faults("Sale", bodies.sale_body(sale)) == []


@given(st.lists(st.from_regex(r"[A-Za-z0-9._-]{1,32}", fullmatch=True)), st.none() | st.just("2000"), st.booleans())
def test_every_page_of_seats_that_can_be_written_keeps_the_schema(
    seat_ids: list[str], following: str | None, reset: bool
) -> None:
    states = [model.FREE, model.HELD, model.CONFIRMED]
    seats = tuple((seat_id, states[position % 3]) for position, seat_id in enumerate(seat_ids))
    assert _faults("SeatPage", bodies.seats_body("spring", model.SeatPage("5-6", seats, following, reset))) == []


def _faults(name: str, body: str) -> list[str]:
    return faults_of({"$ref": f"#/components/schemas/{name}"}, json.loads(body))
