"""What one process of the generator notes while it runs: the second under way, and what the end will tell."""

from ops.demo.answer import Answer
from ops.demo.outcome import Ending
from ops.rehearse.generator.generated import End
from ops.rehearse.generator.second import Endpoint, Second

_MOVE_OF = {
    Ending.TICKET: "bought",
    Ending.WALKED_AWAY: "walkedAway",
    Ending.SOLD_OUT: "soldOut",
    Ending.LEFT: "left",
    Ending.FAILED: "gaveUp",
}
_MOST_REASONS = 20


class Book:
    """Written by one event loop; `turn` closes a second and opens the next."""

    def __init__(self, process: int) -> None:
        self.end = End(process)
        self.second = Second(0)

    def turn(self, number: int) -> Second:
        """Return the second that ends, and begin the second `number`."""
        ended, self.second = self.second, Second(number)
        return ended

    def began(self, late_s: float, in_flight: int, *, was_free: bool) -> None:
        """Note how late a step began, how many were under way with it, and whether a connection was free for it."""
        late_ms = max(0.0, late_s) * 1000
        self.second.lateness.add(late_ms)
        if was_free:
            self.second.lag.add(late_ms)
        self.second.in_flight = max(self.second.in_flight, in_flight)

    def answered(self, endpoint: str, answer: Answer, took_s: float) -> None:
        """Note an answer, and how long after the buyer wanted to ask it was there."""
        row = self._row(endpoint)
        row.latency.add(took_s * 1000)
        if answer.status >= 500:
            row.failures += 1
        elif answer.status >= 400:
            row.refusals[answer.code] += 1

    def failed(self, endpoint: str, error: str, *, is_own: bool) -> None:
        """Note a request without an answer: by the system's fault, or by this machine's limits."""
        self._row(endpoint).failures += 1
        (self.second.own_errors if is_own else self.second.errors)[error] += 1

    def moved(self, what: str) -> None:
        """Note what became of a buyer."""
        self.second.moves[what] += 1

    def admitted(self, told: tuple[float, float] | None, now_s: float) -> None:
        """Note that somebody's turn has come who was told (when, an ETA in seconds) first."""
        self.moved("admitted")
        if told:
            self.end.eta_errors.add(abs(told[1] - (now_s - told[0])) * 1000)

    def bought(self, user_id: str, seat_ids: tuple[str, ...], after_s: float) -> None:
        """Note a ticket, as the buyer was told."""
        self.end.tickets[user_id] = list(seat_ids)
        self.end.last_ticket_at_s = round(after_s, 3)

    def cancelled(self, user_id: str) -> None:
        """Note that a ticket was given back."""
        self.end.tickets.pop(user_id, None)
        self.moved("cancelled")

    def ended(self, user_id: str, ending: Ending, why: str = "") -> None:
        """Note how a visit ended."""
        self.end.endings[ending] += 1
        self.moved(_MOVE_OF[ending])
        if why:
            self.noted(user_id, why)

    def noted(self, user_id: str, why: str) -> None:
        """Remember what went wrong with a buyer; of the first few only."""
        if len(self.end.why) < _MOST_REASONS:
            self.end.why[user_id] = why

    def _row(self, endpoint: str) -> Endpoint:
        row = self.second.endpoints.setdefault(endpoint, Endpoint())
        row.requests += 1
        return row
