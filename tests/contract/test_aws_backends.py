"""The emulators themselves, as these tests start them."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from ops.local import localstack
from ops.local.aws_account import EmulatorSession
from tests.contract import aws_backends
from tests.contract.aws_backends import Backend


def test_what_the_tests_start_listens_on_the_loopback_interface_alone(backend: Backend) -> None:
    here = [each.laddr for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN and each.laddr]
    at_its_port = {address.ip for address in here if address.port == urlsplit(backend.url).port}
    given = os.environ.get(localstack.GIVEN, "").rstrip("/") == backend.url
    assert given or at_its_port == {"127.0.0.1"}


def test_a_session_is_with_the_emulator_it_was_told_whatever_the_environment_says(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LOCALSTACK_HOST", "127.0.0.1:9")
    client = EmulatorSession(backend.settings).client("sns")
    assert client.meta.endpoint_url == backend.url
    assert client.list_topics()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_localstack_is_missing_only_where_the_set_up_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(localstack.GIVEN, raising=False)
    nowhere = localstack.PYTHON.with_name("no-such-file")
    monkeypatch.setattr(localstack, "PYTHON", nowhere)
    monkeypatch.setattr(localstack, "LEFT_OUT", nowhere)
    assert aws_backends.names() == ["moto", "localstack"]
    monkeypatch.setattr(localstack, "LEFT_OUT", Path(__file__))
    assert aws_backends.names() == ["moto"]
    monkeypatch.setenv(localstack.GIVEN, "http://127.0.0.1:4566")
    assert aws_backends.names() == ["moto", "localstack"]
