"""The seat map, in pages: all of it in plan order, or what has changed since a version."""

from chalicelib.errors import FieldError, InvalidRequest
from chalicelib.sale.keys import sale_keys
from chalicelib.sale.model import FREE, MAX_LIMIT_PER_BUYER, SeatPage
from chalicelib.sale.redis_link import RedisLink
from chalicelib.sale.replies import refusal


def read_page(link: RedisLink, sale_id: str, since: str | None, after: str | None, limit: int) -> SeatPage:
    """Return a page of the seat map.

    Without `since` all seats in plan order, `after` being the `next` of the page before. With it the seats changed
    since that version, oldest change first; `reset` when the plan or the epoch is another one since, and the
    client has to read it all. The version is read before the states, so that whatever changes in between is
    reported again by the next call with `since`.
    """
    keys = sale_keys(sale_id)
    epoch, *versions = link.command("HMGET", keys.sale, "epoch", "version", "plan_version")
    if epoch is None:
        raise refusal(b"NO_SUCH_SALE", sale_id, "", 0)
    version, plan_version = (int(each or 0) for each in versions)
    current = f"{epoch.decode()}-{version}"
    if since is None:
        return _plan_page(link, sale_id, current, _cursor("after", after), limit)
    since_epoch, since_version = _version(since)
    if since_epoch != int(epoch) or not plan_version <= since_version <= version:
        return SeatPage(current, (), None, reset=True)
    return _changes_page(link, sale_id, current, max(since_version, _cursor("after", after)), limit)


def _plan_page(link: RedisLink, sale_id: str, version: str, start: int, limit: int) -> SeatPage:
    seat_ids = link.command("LRANGE", sale_keys(sale_id).plan, start, start + limit)
    more = len(seat_ids) > limit
    page = _with_states(link, sale_id, seat_ids[:limit])
    return SeatPage(version, page, str(start + limit) if more else None, reset=False)


def _changes_page(link: RedisLink, sale_id: str, version: str, since: int, limit: int) -> SeatPage:
    # One version changes as many seats as a buyer may have; a page never ends in the middle of one.
    count = limit + MAX_LIMIT_PER_BUYER
    changes = link.command(
        "ZRANGEBYSCORE",
        sale_keys(sale_id).seat_changes,
        f"({since}",
        "+inf",
        "WITHSCORES",
        "LIMIT",
        0,
        count + 1,
    )
    rows = list(zip(changes[::2], map(int, changes[1::2]), strict=True))
    if len(rows) <= limit:
        return SeatPage(version, _with_states(link, sale_id, [seat for seat, _ in rows]), None, reset=False)
    last = rows[limit - 1][1]
    whole = [seat for seat, at in rows if at <= last]
    more = len(whole) < len(rows)
    return SeatPage(version, _with_states(link, sale_id, whole), str(last) if more else None, reset=False)


def _with_states(link: RedisLink, sale_id: str, seat_ids: list[bytes]) -> tuple[tuple[str, str], ...]:
    if not seat_ids:
        return ()
    taken = link.command("HMGET", sale_keys(sale_id).seats, *seat_ids)
    states = (FREE if text is None else text.split(b" ", 1)[0].decode() for text in taken)
    return tuple((seat.decode(), state) for seat, state in zip(seat_ids, states, strict=True))


def _cursor(field: str, text: str | None) -> int:
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise InvalidRequest([FieldError(field, "must be the `next` of the page before")])
    return int(text)


def _version(text: str) -> tuple[int, int]:
    epoch, _, version = text.partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) <= 12 for part in (epoch, version)):
        raise InvalidRequest([FieldError("since", "must be a `version` that this sale gave")])
    return int(epoch), int(version)
