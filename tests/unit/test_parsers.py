"""Whatever comes in from outside, a parser returns a value or raises the one error that it documents. Nothing else."""

import json
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from redis.exceptions import RedisError

from app import app
from chalicelib import wiring
from chalicelib.config import Settings, documented
from chalicelib.errors import BadSetting, StoreUnavailable
from chalicelib.events import Event, Poison, decode
from chalicelib.sale import wire
from functions.kafka_batch import BadEvent, batch_item_failures, records
from ops.commands.seat_file import read_seats
from ops.local.event_source.function_spec import read_mapping
from ops.local.event_source.template import BadTemplate, Template
from tests.contract.conformance import contract, faults
from tests.unit.test_events import RESERVED

unhurried = settings(deadline=None)  # a busy machine is no fault of a parser
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates too: JSON can spell them
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
CREATED = {
    "schema": 1, "saleId": "demo", "epoch": 1, "version": 1, "type": "SALE_CREATED", "at": 1, "capacity": 5,
    "seated": True, "rows": 1, "seatsPerRow": 5, "settings": {"name": "x"},
}  # fmt: skip


def _is_sound(event: Event) -> None:
    """What consumers rely on: ids that are ASCII and short, seats that can be told apart, numbers within bounds."""
    for text, longest in ((event.sale_id, 64), (event.user_id, 255), (event.payment_id, 255), (event.reason, 64)):
        assert text.isascii()
        assert len(text) <= longest
    for seat_id in event.seat_ids:
        assert 1 <= len(seat_id) <= 32
        assert "," not in seat_id
    assert all(0 <= each <= 2**53 for each in (event.epoch, event.version, event.at_ms, event.deadline_ms))
    json.dumps(event.settings).encode()


@unhurried
@given(st.binary(max_size=300))
@example(b'{"schema":1e999999999}')
@example(b'{"schema":' + b"1" * 5_000 + b"}")
@example(b'{"schema":1,"schema":NaN}')
def test_any_bytes_are_poison_or_an_event(value: bytes) -> None:
    with pytest.raises(Poison):
        decode(value)


@unhurried
@given(
    st.sampled_from([RESERVED, CREATED]),
    st.dictionaries(st.sampled_from(sorted({*RESERVED, *CREATED})), JSON, max_size=3),
)
@example(RESERVED, {"seatIds": ["\ud800"]})
@example(RESERVED, {"seatIds": ["A-1,A-2"]})
@example(RESERVED, {"seatIds": ["\uff21"]})
@example(CREATED, {"settings": {"\ud800": "\udfff"}})
def test_an_event_with_any_other_values_is_poison_or_sound(event: dict[str, Any], changes: dict[str, Any]) -> None:
    with suppress(Poison):
        _is_sound(decode(json.dumps({**event, **changes}).encode()))


class _Away:
    """A store that never answers, so that only the reading of a request is looked at."""

    def __getattr__(self, name: str) -> Any:
        def away(*_: object) -> None:
            raise StoreUnavailable("away")

        return away


ROUTES = [(method, path) for path, views in app.routes.items() for method in views]
NAMES = st.sampled_from(["userId", "seatId", "seatIds", "quantity", "since", "after", "limit", "email", "x"]) | ANY_TEXT
VALUES = st.sampled_from(["ann", "1", "A-1", "A-1,A-2", "1-1", "", "a@b.co"]) | ANY_TEXT
BODIES = st.none() | ANY_TEXT | JSON.map(json.dumps) | st.dictionaries(NAMES, JSON, max_size=4).map(json.dumps)
HEADERS = st.dictionaries(st.sampled_from(["content-type", "if-none-match", "x"]), VALUES, max_size=3)


@unhurried
@given(
    st.sampled_from(ROUTES),
    st.none() | st.dictionaries(NAMES, st.lists(VALUES, min_size=1, max_size=3), max_size=4),
    st.sampled_from(["spring", "%zz", ""]) | ANY_TEXT,
    BODIES,
    st.none() | HEADERS | HEADERS.map(lambda headers: {**headers, "content-type": "application/json"}),
    st.booleans(),
)
@example(("POST", "/api/v1/queue/enter"), {"userId": ["ann"]}, "", "\ud800", None, False)
@example(("POST", "/api/v1/queue/enter"), None, "", '{"userId":"\ud800"}', None, False)
@example(("POST", "/api/v1/queue/enter"), None, "", '{"userId":"\\ud800"}', None, True)
def test_any_event_of_api_gateway_gets_an_answer_of_the_document(
    route: tuple[str, str],
    query: dict[str, list[str]] | None,
    sale_id: str,
    body: str | None,
    headers: dict[str, str] | None,
    is_base64: bool,
) -> None:
    method, path = route
    if body is not None and method == "GET":  # its body is measured and never read, so it is no invalid JSON either
        body = body.encode(errors="replace").decode()
    if body is not None and is_base64:
        body = b64encode(body.encode(errors="surrogatepass")).decode()
    event = {
        "requestContext": {"resourcePath": path, "httpMethod": method},
        "headers": headers,
        "pathParameters": {"saleId": sale_id} if "{saleId}" in path else None,
        "multiValueQueryStringParameters": query,
        "stageVariables": None,
        "body": body,
        "isBase64Encoded": is_base64,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wiring, "store", _Away)
        patch.setattr(wiring, "reader", _Away)
        answer = app(event, None)
    told = {name.lower(): value for name, value in answer["headers"].items()}
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        told[name.lower()] = ",".join(values)
    told["x-request-id"] = told.get("x-request-id") or "none"  # comes from Lambda's context, which is absent here
    assert answer["statusCode"] != 500, answer["body"]
    assert faults(method, path.replace("{saleId}", "spring"), answer["statusCode"], told, answer["body"]) == []
    assert answer["statusCode"] in (503, 200, 304) or answer["statusCode"] >= 400


def test_every_route_is_among_those_tried() -> None:
    assert {path for _, path in ROUTES} == set(contract()["paths"])


@unhurried
@given(st.binary(max_size=200) | st.text("A-1\r\n,\"'; \ufeff\x00", max_size=80).map(str.encode))
@example(b'"' + b"x" * 200_000)
@example(b'"A-1\nA-2')
@example(b"seat_id\r\n" + b"A" * 200_000)
@example(b"\x00")
@example(b"seat_id,seat_id\nA-1")
def test_any_file_is_a_seat_plan_or_a_usage_error(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "hall.csv"
        path.write_bytes(content)
        with suppress(click.UsageError):
            seats = read_seats(path)
            assert len(set(seats)) == len(seats) > 0
            assert all(seat.isascii() and 1 <= len(seat) <= 32 for seat in seats)


SETTING_NAMES = [each.name for each in documented()]


@unhurried
@given(st.dictionaries(st.sampled_from(SETTING_NAMES) | ANY_TEXT, ANY_TEXT | st.integers().map(str), max_size=4))
@example(dict.fromkeys(SETTING_NAMES, "\x00"))
@example(dict.fromkeys(SETTING_NAMES, "9" * 5_000))
@example(dict.fromkeys(SETTING_NAMES, "1e999"))
@example(dict.fromkeys(SETTING_NAMES, "nan"))
@example(dict.fromkeys(SETTING_NAMES, "\u0661"))
@example(dict.fromkeys(SETTING_NAMES, "://"))
@example(dict.fromkeys(SETTING_NAMES, "redis://[::1"))
def test_any_environment_gives_settings_or_names_the_bad_ones(environment: dict[str, str]) -> None:
    try:
        Settings.read(environment)
    except BadSetting as error:
        named = {each["field"] for each in error.members["errors"]}  # type: ignore[attr-defined]
        assert named
        assert named <= set(SETTING_NAMES)


@unhurried
@given(
    ANY_TEXT | st.sampled_from(sorted(wire._ERRORS)).flatmap(lambda word: ANY_TEXT.map(lambda rest: f"{word} {rest}"))
)
@example("MOVED")
@example("MOVED 1")
@example("MOVED x y:z")
@example("ASK 1 2 3")
@example("")
def test_any_error_of_redis_is_one_of_redis_py_s(text: str) -> None:
    assert isinstance(wire._error(text), RedisError)


@unhurried
@given(st.lists(st.binary(max_size=30), max_size=4))
@example([b"-MOVED nonsense\r\n"])
@example([b"*1\r\n-ASK\r\n"])
@example([b"*99999999999\r\n"])
@example([b"$-5\r\n"])
@example([b"?\r\n"])
@example([b"*1\r\n" * 20_000])
def test_any_bytes_of_redis_are_a_reply_or_an_error_of_redis_py(parts: list[bytes]) -> None:
    connected: Any = wire.Wire.__new__(wire.Wire)
    connected._socket, connected._reader, connected._buffer = _Scripted(parts), wire.reply_reader(), bytearray(65_536)
    with suppress(RedisError):
        connected.ask_packed(b"")


class _Scripted:
    """A socket whose other side says what it was told to, and hangs up."""

    def __init__(self, parts: list[bytes]) -> None:
        whole = b"".join(parts)
        self._parts = [whole[start : start + 65_536] for start in range(0, len(whole), 65_536)]

    def sendall(self, _: bytes) -> None:
        return None

    def recv_into(self, buffer: bytearray) -> int:
        if not self._parts:
            return 0
        part = self._parts.pop(0)
        buffer[: len(part)] = part
        return len(part)


SIGNED = st.lists(st.integers(-128, 127), max_size=8)
RECORDS = st.fixed_dictionaries(
    {"topic": st.just("reservation-events"), "partition": st.integers(0, 9), "offset": st.integers(0, 2**40)},
    optional={
        "key": st.none() | st.binary(max_size=20).map(lambda key: b64encode(key).decode()),
        "value": st.none() | st.binary(max_size=40).map(lambda value: b64encode(value).decode()),
        "headers": st.lists(st.dictionaries(ANY_TEXT, st.none() | SIGNED, max_size=2), max_size=3),
    },
)


@unhurried
@given(
    st.dictionaries(st.just("reservation-events-0"), st.lists(RECORDS, max_size=4)), st.sampled_from(["", "persist"])
)
def test_any_record_that_lambda_can_deliver_is_read_to_its_last_byte(groups: dict[str, Any], function: str) -> None:
    found = records({"eventSource": "aws:kafka", "records": groups}, function)
    for record in found:
        assert record.key is None or isinstance(record.key, bytes)
        assert all(value is None or isinstance(value, bytes) for _, value in record.headers)
        with suppress(Poison):
            decode(record.value)
    json.dumps(batch_item_failures(found))


@unhurried
@given(
    JSON | st.dictionaries(st.just("records"), JSON | st.dictionaries(ANY_TEXT, st.lists(JSON, max_size=2), max_size=2))
)
@example({"records": {"a-0": [{"topic": "a", "partition": "x", "offset": 0}]}})
@example({"records": {"a-0": [{"topic": "a", "partition": 0, "offset": 0, "value": "a"}]}})
@example({"records": {"a-0": [{"topic": "a", "partition": 0, "offset": 0, "value": "\u00e4"}]}})
@example({"records": {"a-0": [{"topic": "a", "partition": 0, "offset": 0, "headers": [{"replay-to": [1.5]}]}]}})
@example({"records": {"a-0": [{"topic": "a", "partition": 1e400, "offset": 0}]}})
def test_an_event_that_lambda_would_never_send_is_refused_whole(event: Any) -> None:
    with suppress(BadEvent):
        assert all(isinstance(record.offset, int) for record in records(event, "persist"))


YAML = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 20_000)
    | st.floats()
    | st.sampled_from(["", "x", "AWS::Serverless::Function"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            [
                "Type", "Properties", "Events", "Topics", "Handler", "Ref", "Fn::Sub", "Fn::Join", "Default", "Pattern",
                "FilterCriteria", "Filters", "ConsumerGroupId", "BatchSize", "DestinationConfig", "OnFailure",
                "SelfManagedEventSource", "Endpoints", "KafkaBootstrapServers", "ProvisionedPollerConfig", "Timeout",
                "StartingPosition", "StartingPositionTimestamp", "FunctionResponseTypes", "Enabled", "CodeUri",
            ]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
GOOD_FUNCTION = {
    "Type": "AWS::Serverless::Function",
    "Properties": {
        "Handler": "a.b",
        "Events": {"Kafka": {"Type": "MSK", "Properties": {"Stream": "arn", "Topics": ["topic"]}}},
    },
}


def _read(folder: str, text: str | bytes) -> None:
    path = Path(folder) / "template.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with suppress(BadTemplate):
        read_mapping(Template(path, {}, "onsale"), "Persist")


@unhurried
@given(st.binary(max_size=100) | st.text(st.sampled_from("!&*[]{}:-#|> \n\ta?'\"%@`"), max_size=60).map(str.encode))
@example(b"a: &a [*a]")
@example(b"Resources: &a {Persist: *a}")
@example(b"{" * 2_000)
@example(b"\xff\xfe")
@example(b"a: !!python/object:os.system x")
def test_any_file_is_a_template_or_a_bad_one(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        _read(folder, content)


@unhurried
@given(st.dictionaries(st.sampled_from(["Parameters", "Globals", "Conditions"]), YAML), YAML, YAML, YAML)
def test_a_template_of_any_shape_is_read_or_bad(head: dict[str, Any], resource: Any, values: Any, event: Any) -> None:
    function = {**GOOD_FUNCTION, "Properties": {**GOOD_FUNCTION["Properties"], "Events": {"K": event}}}  # type: ignore[dict-item]
    mapping = {"Type": "AWS::Lambda::EventSourceMapping", "Properties": values}
    with TemporaryDirectory() as folder:
        for persist in (resource, function, GOOD_FUNCTION):
            _read(folder, yaml.safe_dump({**head, "Resources": {"Persist": persist, "Other": mapping}}))
        _read(folder, yaml.safe_dump({**head, "Resources": resource}))


@unhurried
@given(st.dictionaries(st.text(st.characters(codec="ascii"), max_size=12) | st.just("Topics"), YAML, max_size=3))
def test_a_mapping_of_any_values_is_read_or_bad(changes: dict[str, Any]) -> None:
    values = {"Stream": "arn", "Topics": ["topic"], **changes}
    events = {"Kafka": {"Type": "MSK", "Properties": values}}
    function = {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "a.b", "Events": events}}
    with TemporaryDirectory() as folder:
        _read(folder, yaml.safe_dump({"Resources": {"Persist": function}}))
