"""Schemathesis reads the served document and tries it: good and bad data, single requests and chains of them.

No answer may be a fault of ours, and each must be one that the document has: status, type, headers, body. The same data
on every run; how much is bounded by numbers of examples, not by time.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.sale.model import SalePlan, SaleSettings
from chalicelib.sale.reader import SaleReader
from chalicelib.sale.redis_link import RedisLink, open_link
from chalicelib.sale.store import SaleStore
from ops.local import redis as redis_server
from ops.local.ports import free_ports
from ops.local.program import PROJECT
from tests.conftest import _folder, _serving
from tests.contract.conftest import DEFAULT_SALE, serving
from tests.contract.schemathesis_hooks import KEY, SALE, USERS

CONFIG = Path(__file__).with_name("schemathesis.toml")
SIGNED_ROUTE = "/api/v1/payments/callback"
# Phases, examples of each route, settings, and further arguments. With a provider the buyers' own confirmations are
# refused, and without one the provider's route, so each server takes one side.
RUNS: dict[str, tuple[str, int, dict[str, str], tuple[str, ...]]] = {
    "gateway": ("examples,coverage,fuzzing,stateful", 25, {"PAYMENT_WEBHOOK_SECRET": KEY}, ()),
    "chalice local": ("examples,fuzzing,stateful", 3, {}, ("--exclude-path", SIGNED_ROUTE)),
}


@pytest.fixture(scope="module")
def own_redis_url() -> Iterator[str]:
    """A Redis of its own: whatever is thrown at it must not be found by other tests."""
    with _folder("schemathesis") as folder:
        (port,) = free_ports(1)
        with _serving(redis_server.program(folder / "data", folder, port), folder):
            yield redis_server.url(folder, port)


@pytest.fixture
def sales(own_redis_url: str) -> RedisLink:
    """Two seated sales, with buyers whose turn it is."""
    link = open_link(own_redis_url, cluster=False, connect_timeout_s=10, read_timeout_s=10)
    link.command("FLUSHALL")
    settings = SaleSettings(limit_per_buyer=4, payment="required")
    for sale_id in (SALE, DEFAULT_SALE):
        seats = tuple(f"A-{number}" for number in range(1, 201))
        SaleStore(link).create_sale(SalePlan(sale_id, settings, len(seats), seats))
        for user_id in USERS:
            SaleStore(link).enter_queue(sale_id, user_id)
    return link


@pytest.mark.parametrize("server", RUNS)
def test_whatever_is_sent_the_answer_is_one_of_the_document(
    server: str, sales: RedisLink, own_redis_url: str, tmp_path: Path
) -> None:
    phases, examples, settings, more = RUNS[server]
    before = SaleReader(sales).sale(SALE).counters
    with serving(server, own_redis_url, **settings) as api:
        command = [
            *(sys.executable, "-c", "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"),
            *("--config-file", str(CONFIG), "run", f"http://127.0.0.1:{api.port}/openapi.json"),
            # The token is optional in the document, and in mode `trusted` nobody asks for it.
            *("--checks", "all", "--exclude-checks", "ignored_auth"),
            *("--phases", phases, "--max-examples", str(examples), "--generation-deterministic"),
            *("--continue-on-failure", "--no-color", "--warnings", "off", *more),
        ]
        env = {**os.environ, "PYTHONPATH": str(PROJECT)}
        ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300, check=False)
        assert ended.returncode == 0, ended.stdout[-20_000:] + ended.stderr
        assert " passed" in ended.stdout
        assert api.send("GET", "/health").status == 200
    assert SaleReader(sales).sale(SALE).counters != before, "no good request got as far as the sale"
