"""The HTTP contract as a good client keeps it: what to send again, when, and what never.

5xx and 429 are sent again after Retry-After with jitter, and so is what got no answer at all, because every route may
be repeated. Any other answer, a refusal too, is the answer.
"""

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Any

import aiohttp

from ops.demo.answer import Answer, retry_after_s
from ops.demo.figures import Figures

_GIVE_UP_AFTER_S = 30.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0


class GaveUp(Exception):
    """A request got no usable answer for half a minute."""


class SaleClient:
    """The routes of one sale. Shared by many buyers: it keeps connections alive and bounds how many there are."""

    def __init__(self, url: str, sale_id: str, figures: Figures, *, connections: int = 128) -> None:
        """Open the session; call within the event loop, and `close` in the end."""
        self._base = f"{url.rstrip('/')}/api/v1/sales/{sale_id}"
        self._figures = figures
        self._turnstile = asyncio.Semaphore(connections)  # so that waiting for a connection is not measured
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=10, sock_connect=3),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def enter(self, user_id: str) -> Answer:
        """Join the line, or learn where I stand."""
        return await self._send("POST", "/queue/enter", "enter", {"userId": user_id})

    async def status(self, user_id: str) -> Answer:
        """Learn where I stand."""
        return await self._send("GET", "/queue/status", "status", query={"userId": user_id})

    async def seats(self, query: Mapping[str, str]) -> Answer:
        """Read a page of the seat map."""
        return await self._send("GET", "/seats", "seats", query=query)

    async def sale(self) -> Answer:
        """Read the sale's public progress."""
        return await self._send("GET", "", "sale")

    async def reserve(self, user_id: str, seat_ids: tuple[str, ...] = (), quantity: int = 1) -> Answer:
        """Reserve these seats, or any so many units."""
        body: dict[str, Any] = {"userId": user_id}
        body |= {"seatIds": list(seat_ids)} if seat_ids else {"quantity": quantity}
        return await self._send("POST", "/reservations/reserve", "reserve", body)

    async def confirm(self, user_id: str, reservation_id: str, payment_id: str) -> Answer:
        """Say that a reservation is paid."""
        body = {"userId": user_id, "reservationId": reservation_id, "paymentId": payment_id}
        return await self._send("POST", "/reservations/confirm", "confirm", body)

    async def cancel(self, user_id: str, reservation_id: str) -> Answer:
        """Give a reservation back."""
        body = {"userId": user_id, "reservationId": reservation_id}
        return await self._send("POST", "/reservations/cancel", "cancel", body)

    async def _send(
        self,
        method: str,
        path: str,
        endpoint: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        give_up_at = time.monotonic() + _GIVE_UP_AFTER_S
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                answer, told_s = await self._send_once(method, path, endpoint, body, query)
                if not answer.is_to_be_repeated:
                    return answer
                reason = f"{answer.status} {answer.code}"
            except (aiohttp.ClientError, TimeoutError) as error:
                reason, told_s = type(error).__name__, 0.0
            self._figures.failed(reason)
            if time.monotonic() > give_up_at:
                raise GaveUp(f"{method} {path}: {reason}")
            await asyncio.sleep(max(told_s, pause_s) * random.uniform(1, 1.5))  # noqa: S311
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _send_once(
        self,
        method: str,
        path: str,
        endpoint: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str] | None,
    ) -> tuple[Answer, float]:
        async with self._turnstile:
            started_s = time.monotonic()
            async with self._session.request(method, self._base + path, json=body, params=query) as response:
                raw = await response.read()
            took_s = time.monotonic() - started_s
        answer = Answer.read(response.status, raw)
        self._figures.answered(endpoint, took_s, answer.status, answer.code)
        return answer, retry_after_s(response.headers.get("Retry-After", ""))
