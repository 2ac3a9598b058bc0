"""Secrets as a deployed function reads them, on each emulator: both services, what may be wrong, a rotation."""

import itertools
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from chalicelib import secrets
from chalicelib.errors import SecretUnavailable
from chalicelib.secrets import Secret, Source, fetched
from tests.contract.aws_backends import Backend

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _as_a_new_process(backend: Backend) -> Iterator[None]:
    secrets.forget()
    yield
    secrets.forget()


def made(backend: Backend, text: str | bytes) -> str:
    """Make a secret of Secrets Manager; returns its ARN."""
    content = {"SecretBinary": text} if isinstance(text, bytes) else {"SecretString": text}
    answer = backend.client("secretsmanager").create_secret(Name=f"onsale/secret-{next(_numbers)}", **content)
    return str(answer["ARN"])


def parameter(backend: Backend, text: str, kind: str = "SecureString") -> str:
    """Make a parameter of SSM; returns its ARN."""
    ssm, name = backend.client("ssm"), f"/onsale/parameter-{next(_numbers)}"
    ssm.put_parameter(Name=name, Value=text, Type=kind)
    return str(ssm.get_parameter(Name=name)["Parameter"]["ARN"])


def rotated(backend: Backend, arn: str, text: str) -> None:
    """Give a secret of either service another content."""
    if ":ssm:" in arn:
        name = arn.partition(":parameter")[2]
        backend.client("ssm").put_parameter(Name=name, Value=text, Type="SecureString", Overwrite=True)
    else:
        backend.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=text)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("s3cret,%", Secret("s3cret,%")),
        ("비밀번호\n", Secret("비밀번호")),
        ('{"password":"p","username":"onsale","host":"db"}', Secret("p", "onsale")),
    ],
    ids=["plain", "not ASCII", "JSON as RDS makes it"],
)
def test_a_secret_is_read_from_either_service(backend: Backend, text: str, known: Secret) -> None:
    assert secrets.secret(made(backend, text)) == known
    assert secrets.secret(parameter(backend, text)) == known


def test_a_parameter_is_decrypted_and_a_plain_one_is_read_as_it_is(backend: Backend) -> None:
    assert fetched(parameter(backend, "open", "String")) == fetched(parameter(backend, "open")) == "open"


@pytest.mark.parametrize("service", ["secretsmanager", "ssm"])
def test_what_is_not_there_is_said_by_its_arn(backend: Backend, service: str) -> None:
    there = made(backend, "x") if service == "secretsmanager" else parameter(backend, "x")
    gone = f"{there.rpartition('/')[0]}/gone-AbCdEf"
    with pytest.raises(SecretUnavailable, match="NotFound") as refused:
        secrets.secret(gone)
    assert gone in refused.value.detail


def test_what_was_deleted_is_not_used(backend: Backend) -> None:
    arn = made(backend, "x")
    backend.client("secretsmanager").delete_secret(SecretId=arn)
    with pytest.raises(SecretUnavailable, match="InvalidRequestException"):
        secrets.secret(arn)


@pytest.mark.parametrize("content", [b"\x00\x01", '{"user":"onsale"}'], ids=["binary", "JSON without a password"])
def test_a_secret_of_another_form_is_refused_without_a_word_of_it(backend: Backend, content: str | bytes) -> None:
    with pytest.raises(SecretUnavailable) as refused:
        secrets.secret(made(backend, content))
    assert "onsale" not in refused.value.reason
    assert "binary" in refused.value.reason or "`password`" in refused.value.reason


@pytest.mark.parametrize("service", ["secretsmanager", "ssm"])
def test_a_rotated_secret_takes_the_place_of_the_refused_one(backend: Backend, service: str) -> None:
    now_s = itertools.count(1_000.0, secrets.RENEW_S)
    arn = made(backend, "old") if service == "secretsmanager" else parameter(backend, "old")
    source = Source(arn, fetched, clock=lambda: next(now_s))
    old = source.read()
    rotated(backend, arn, "new")
    assert source.renewed(old) == Secret("new")
    assert source.read() == Secret("new")


def test_a_rotation_that_nobody_refuses_is_seen_once_the_secret_is_old(backend: Backend) -> None:
    now_s = 1_000.0
    arn = made(backend, "old")
    source = Source(arn, fetched, clock=lambda: now_s)
    source.read()
    rotated(backend, arn, "new")
    now_s += secrets.KEEP_S - 1
    assert source.read() == Secret("old")
    now_s += 1
    assert source.read() == Secret("new")


@pytest.fixture
def guarded(backend: Backend) -> Iterator[Callable[[], dict[str, str]]]:
    """Have permissions checked from a call on; the call returns the access key of a user who has none."""

    def guard() -> dict[str, str]:
        iam, name = backend.client("iam"), f"nobody-{next(_numbers)}"
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        let_through(backend, "0")
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    yield guard
    let_through(backend, "inf")


def let_through(backend: Backend, calls: str) -> None:
    """Tell moto how many calls it takes before it asks who may make them."""
    url, headers = f"{backend.url}/moto-api/reset-auth", {"Content-Type": "text/plain"}
    urllib.request.urlopen(urllib.request.Request(url, calls.encode(), headers), timeout=60).close()  # noqa: S310


@pytest.mark.parametrize("service", ["secretsmanager", "ssm"])
@pytest.mark.parametrize("running_backend", ["moto"], indirect=True)  # LocalStack asks nobody without a licence
def test_who_may_not_read_a_secret_is_told_so(
    backend: Backend, guarded: Callable[[], dict[str, str]], monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    arn = made(backend, "x") if service == "secretsmanager" else parameter(backend, "x")
    for name, text in guarded().items():
        monkeypatch.setenv(name, text)
    with pytest.raises(SecretUnavailable, match=r"AccessDenied|403"):
        secrets.secret(arn)
