"""The URL of a Redis: one server's, a socket's, or several nodes' of a cluster."""

import pytest

from chalicelib.config import Settings
from chalicelib.errors import BadSetting
from chalicelib.redis_urls import at_node, node_urls


@pytest.mark.parametrize(
    ("url", "nodes"),
    [
        ("redis://a", ["redis://a"]),
        ("unix:///run/a,b.sock?db=1", ["unix:///run/a,b.sock?db=1"]),
        ("redis://a:1,b:2/0", ["redis://a:1/0", "redis://b:2/0"]),
        ("rediss://me:p,q@a:1,b:2?db=0", ["rediss://me:p,q@a:1?db=0", "rediss://me:p,q@b:2?db=0"]),
    ],
)
def test_each_node_that_is_named_has_a_url_of_its_own(url: str, nodes: list[str]) -> None:
    assert node_urls(url) == nodes


def test_another_node_is_reached_as_the_named_ones_are() -> None:
    assert at_node("rediss://me:secret@a:1,b:2/0", "10.0.0.7", 6380) == "rediss://me:secret@10.0.0.7:6380/0"
    assert at_node("redis://a", "::1", 1) == "redis://[::1]:1"


def test_several_nodes_are_read_where_they_are_a_cluster() -> None:
    url = "redis://me:secret@a:1,b:2/0"
    assert Settings.read({"REDIS_URL": url, "REDIS_CLUSTER": "1"}).redis_url == url


@pytest.mark.parametrize(
    ("url", "cluster"), [("redis://a:1,b:2/0", "0"), ("redis://a:1,b:x/0", "1"), ("redis://a,b:99999", "1")]
)
def test_several_nodes_of_no_cluster_and_a_bad_port_of_any_are_refused(url: str, cluster: str) -> None:
    with pytest.raises(BadSetting, match="REDIS_URL"):
        Settings.read({"REDIS_URL": url, "REDIS_CLUSTER": cluster})
