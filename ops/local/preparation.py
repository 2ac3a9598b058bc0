"""What the servers need before a sale can run: topics, tables, the first sale. Each is safe to repeat.

`python -m ops.local.preparation topics|tables|sale`, with the settings of the stack in its environment.
"""

import sys

from chalicelib.config import settings

PARTITIONS = 6
CAPACITY = 100


def topics() -> None:
    """Create the topics of the events and of the dead letters."""
    from functions.topics import create_topics

    create_topics(PARTITIONS)


def tables() -> None:
    """Apply the numbered files of infra/mysql."""
    from functions.mysql import migrate

    migrate()


def sale() -> None:
    """Create the default sale, so that the first request finds one. One that is there stays."""
    from chalicelib import wiring
    from chalicelib.errors import Refused
    from chalicelib.sale.model import SalePlan, SaleSettings

    sale_id = settings().default_sale
    try:
        wiring.reader().sale(sale_id)
    except Refused:
        wiring.store().create_sale(SalePlan(sale_id, SaleSettings(name=sale_id), CAPACITY))


if __name__ == "__main__":
    {"topics": topics, "tables": tables, "sale": sale}[sys.argv[1]]()
