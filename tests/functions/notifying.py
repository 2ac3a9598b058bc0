"""What the tests of `notify` share: sales with contacts, deliveries, and a look at what was sent."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from chalicelib.config import Settings
from chalicelib.sale.model import SalePlan, SaleSettings
from chalicelib.sale.reader import SaleReader
from chalicelib.sale.redis_link import RedisLink, open_link
from chalicelib.sale.store import SaleStore
from functions.kafka_batch import KafkaRecord
from functions.mysql import Database
from functions.notify import Batch
from functions.notify_channels import Announcements
from functions.notify_contacts import Addressees
from functions.notify_once import Once, open_client
from functions.notify_providers import Providers
from functions.notify_record import SentRecord
from ops.local import aws
from tests.functions.batches import Letters, a_batch, an_event

_numbers = itertools.count(1)
EMAIL, PHONE = "ann.lee@buyers.example", "+821012345678"
CONTACT = f'{{"email":"{EMAIL}","phone":"{PHONE}","language":"en"}}'


_providers = lru_cache(maxsize=2)(Providers)  # a client takes a tenth of a second to make


def notify_settings(of: Settings, redis_url: str, endpoint: str) -> Settings:
    """Return settings with all channels on."""
    made = aws.settings(0)
    return replace(
        of,
        redis_url=redis_url,
        aws_endpoint_url=endpoint,
        sns_topic_arn=made["SNS_TOPIC_ARN"],
        ses_from=made["SES_FROM"],
    )


@dataclass(slots=True)
class Desk:
    """The function in this process: real Redis, MySQL and emulator, dead letters that are remembered."""

    settings: Settings
    database: Database
    letters: Letters
    link: RedisLink
    sale_id: str

    def announcements(self) -> Announcements:
        """Return what sends, as a process of its own would make it."""
        of = self.settings
        return Announcements(of, _providers(of), Once(open_client(of)), Addressees(SaleReader(self.link)))

    def announce(self, batch: Sequence[KafkaRecord], within_s: float = 60.0) -> list[KafkaRecord]:
        """Deliver records to the function, as a new process; returns those that are left."""
        record = SentRecord(self.database, self.link)
        return Batch(self.announcements(), record, self.letters, time.monotonic() + within_s).announce(batch)

    def told(self, *events: dict[str, Any] | bytes | None) -> list[KafkaRecord]:
        """Deliver events; returns the records that are left."""
        return self.announce(a_batch(*events))

    def event(self, version: int, type: str = "CONFIRMED", user: str = "ann", **fields: Any) -> dict[str, Any]:
        """Return an event of this sale that has just happened."""
        now_ms = time.time_ns() // 1_000_000
        deadline = {"deadline": now_ms + 300_000} if type == "RESERVED" else {}
        return an_event(version, type, user, saleId=self.sale_id, **{"at": now_ms, **deadline, **fields})

    def has_contact(self, user: str = "ann", contact: str = CONTACT) -> None:
        """Let a buyer enter and leave a contact."""
        store = SaleStore(self.link)
        store.enter_queue(self.sale_id, user)
        store.put_contact(self.sale_id, user, contact)


def a_desk(settings: Settings, database: Database, letters: Letters) -> Desk:
    """Return a desk with a sale of its own, in which nobody is yet."""
    link = open_link(settings.redis_url, cluster=False, connect_timeout_s=10, read_timeout_s=10)
    sale_id = f"told-{time.time_ns()}-{next(_numbers)}"
    SaleStore(link).create_sale(SalePlan(sale_id, SaleSettings(name="봄 Concert"), 100))
    return Desk(settings, database, letters, link, sale_id)
