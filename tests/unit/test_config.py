"""The settings: read late, checked all at once, and never changed by an empty variable."""

import pytest

from chalicelib.config import Settings, documented
from chalicelib.errors import BadSetting


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.read({}) == Settings()
    assert Settings.read({"REDIS_URL": "", "ONSALE_PORT": ""}) == Settings()


def test_every_bad_setting_is_named_at_once() -> None:
    bad = {"ONSALE_PORT": "x", "REDIS_URL": "http://x", "REDIS_CLUSTER": "yes", "REDIS_READ_TIMEOUT_S": "nan"}
    with pytest.raises(BadSetting) as refused:
        Settings.read({**bad, "MAX_BODY_BYTES": "1024"})
    assert {error["field"] for error in refused.value.members["errors"]} == set(bad)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ONSALE_PORT", "0"),
        ("ONSALE_PORT", "65536"),
        ("ONSALE_PORT", "-1"),
        ("ONSALE_PORT", "\uff18"),
        ("PROMOTE_TICK_MS", "9"),
        ("IDENTITY", "nobody"),
        ("ONSALE_SERVICES", "cloud"),
        ("REDIS_CONNECT_TIMEOUT_S", "0"),
        ("MYSQL_URL", "postgres://x"),
    ],
)
def test_a_value_out_of_bounds_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name):
        Settings.read({name: value})


def test_values_are_typed() -> None:
    read = Settings.read({"ONSALE_PORT": "81", "REDIS_CLUSTER": "1", "REDIS_URL": "unix:///a", "OTHER": "x"})
    assert (read.port, read.redis_cluster, read.redis_url) == (81, True, "unix:///a")


def test_every_default_is_a_value_that_would_be_accepted() -> None:
    assert Settings.read({row.name: row.default for row in documented()}) == Settings()


def test_every_setting_has_one_name_and_a_meaning() -> None:
    rows = documented()
    assert len({row.name for row in rows}) == len(rows)
    assert all(row.meaning for row in rows)
