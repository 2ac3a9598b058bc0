"""The two servers of the API, on the session's Redis, and sales to talk to them about; what is deployed, as built."""

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from chalicelib.sale.model import SalePlan, SaleSettings
from chalicelib.sale.redis_link import RedisLink, open_link
from chalicelib.sale.store import SaleStore
from ops.local.health import port_open
from ops.local.ports import free_ports
from ops.local.program import Program, spawn, stop_child, wait_until_it_answers
from tests.contract import aws_backends
from tests.contract.aws_backends import Backend
from tests.contract.http_client import Api
from tests.packages import ARM, HERE, X86, Package, built

SERVERS = {"gateway": ("ops.local.gateway", "--workers", "2"), "chalice local": ("ops.local.chalice_local",)}
DEFAULT_SALE = "default-sale"
NewSale = Callable[..., str]
_numbers = itertools.count(1)


@contextmanager
def serving(name: str, redis_url: str, **settings: str) -> Iterator[Api]:
    """Run one of the two servers on a free port, with more settings if need be."""
    (port,) = free_ports(1)
    command = (sys.executable, "-m", *SERVERS[name], "--port", str(port))
    program = Program(name="http", command=command, port=port, answers=lambda: port_open(port))
    env = {**os.environ, "REDIS_URL": f"{redis_url}", "DEFAULT_SALE": DEFAULT_SALE, **settings}
    with TemporaryDirectory(prefix="onsale-http-") as folder:
        child = spawn(program, log=Path(folder) / "http.log", env=env, tied=True)
        try:
            wait_until_it_answers(child)
            yield Api(name, port)
        finally:
            stop_child(child)


@pytest.fixture(scope="session")
def both_servers(redis_url: str) -> Iterator[dict[str, Api]]:
    """Both servers, running side by side on the same sales."""
    with ExitStack() as running:
        yield {name: running.enter_context(serving(name, redis_url)) for name in SERVERS}


@pytest.fixture(params=SERVERS)
def api(request: pytest.FixtureRequest, both_servers: dict[str, Api]) -> Api:
    """Each of the servers in turn."""
    return both_servers[request.param]


@pytest.fixture(scope="session")
def link(redis_url: str) -> RedisLink:
    """A link to the Redis of both servers."""
    return open_link(redis_url, cluster=False, connect_timeout_s=10, read_timeout_s=10)


@pytest.fixture(scope="session")
def store(link: RedisLink) -> SaleStore:
    """The store of both servers."""
    return SaleStore(link)


@pytest.fixture
def new_sale(store: SaleStore) -> NewSale:
    """Make a sale: counted, or seated when seat ids are given; returns its id."""

    def make(capacity: int = 10, seat_ids: tuple[str, ...] = (), sale_id: str = "", **settings: object) -> str:
        sale_id = sale_id or f"sale-{next(_numbers)}"
        plan = SalePlan(sale_id, SaleSettings(**settings), len(seat_ids) or capacity, seat_ids)  # type: ignore[arg-type]
        store.create_sale(plan)
        return sale_id

    return make


@pytest.fixture(scope="session")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """What `make package` builds."""
    return built(ARM, tmp_path_factory)


@pytest.fixture(scope="session")
def x86(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """What `make package ARCH=x86_64` builds."""
    return built(X86, tmp_path_factory)


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package for this machine's Python, so that it can run."""
    return built(HERE, tmp_path_factory)


@pytest.fixture(scope="session", params=aws_backends.names())
def running_backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Each of the AWS emulators in turn."""
    with aws_backends.running(request.param, tmp_path_factory.mktemp(request.param)) as backend:
        yield backend


@pytest.fixture
def backend(running_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """Each of the AWS emulators in turn, and this process' environment pointing to it."""
    for name, text in running_backend.settings.items():
        monkeypatch.setenv(name, text)
    return running_backend
