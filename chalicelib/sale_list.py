"""Which sales a run serves: those of the moment, or while nobody can say, those that were there a moment ago."""

import logging

from chalicelib import wiring
from chalicelib.errors import StoreUnavailable

_log = logging.getLogger(__name__)


class SaleList:
    """The ids of all sales, as one run of a scheduled function last read them.

    In a cluster their set is on a node of its own: while that fails over, the sales on other nodes go on.
    """

    def __init__(self) -> None:
        self._ids: list[str] = []

    def ids(self) -> list[str]:
        """Return the ids. Raises StoreUnavailable where they were never read; each may meanwhile be gone."""
        try:
            self._ids = wiring.reader().sale_ids()
        except StoreUnavailable as error:
            if not self._ids:
                raise
            _log.warning("the list of sales cannot be read, the last one is used: %s", error.detail)
        return self._ids
