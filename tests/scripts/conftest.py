"""The sales of a plain server and of a cluster."""

import pytest

from tests.scripts.sales import Sales, open_sales


@pytest.fixture(scope="session")
def sales(redis_url: str) -> Sales:
    """The sales of a plain server."""
    return open_sales(redis_url)


@pytest.fixture(scope="session", params=["plain", "cluster"])
def each_sales(request: pytest.FixtureRequest) -> Sales:
    """The sales of a plain server, then those of a cluster."""
    if request.param == "plain":
        return open_sales(request.getfixturevalue("redis_url"))
    return open_sales(request.getfixturevalue("redis_cluster_url"), cluster=True)
