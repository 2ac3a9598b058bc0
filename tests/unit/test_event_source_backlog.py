"""How far may be committed: never past a record that is not done, in whatever order things happen."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ops.local.event_source.backlog import Backlog
from ops.local.event_source.delivery import Delivery, Rules
from ops.local.event_source.lambda_event import Message, Place

A, B = ("t", 0), ("t", 1)


def _message(place: Place, offset: int) -> Message:
    return Message(*place, offset, 1, "CREATE_TIME", None, None, ())


def _read(backlog: Backlog, *offsets: tuple[Place, int]) -> Delivery:
    for place, offset in offsets:
        backlog.read(place, offset)
    delivery = Delivery(tuple(_message(*each) for each in offsets))
    backlog.add([delivery])
    return delivery


def test_a_partition_is_committed_to_its_end_when_nothing_of_it_waits() -> None:
    backlog = Backlog()
    delivery = _read(backlog, (A, 3), (B, 8), (A, 4))
    assert backlog.commits() == {}

    backlog.replace(delivery, [])

    assert backlog.commits() == {A: 5, B: 9}
    backlog.committed({A: 5, B: 9})
    assert backlog.commits() == {}


def test_what_was_read_and_filtered_out_is_done() -> None:
    backlog = Backlog()
    backlog.read(A, 3)
    _read(backlog, (A, 5))
    backlog.read(A, 6)

    assert backlog.commits() == {A: 5}


def test_a_delivery_waits_for_an_earlier_one_of_its_partition_and_for_no_other() -> None:
    backlog = Backlog()
    first = Delivery((_message(A, 1),), due_at_s=50.0)
    second, third = Delivery((_message(A, 2), _message(B, 1))), Delivery((_message(("t", 2), 1),))
    backlog.add([first, second, third])

    assert backlog.due(10.0) is third
    assert backlog.next_due_s() == 0.0
    backlog.replace(third, [])
    assert backlog.due(10.0) is None
    assert backlog.next_due_s() == 50.0
    assert backlog.due(50.0) is first


def test_a_partition_that_was_given_up_is_forgotten() -> None:
    backlog = Backlog()
    _read(backlog, (A, 1), (B, 1))
    backlog.drop([A])

    assert backlog.held() == {B}
    assert backlog.commits() == {}


class Histories(RuleBasedStateMachine):
    """Random reading, filtering, delivering, failing, and handing over, beside a plain list of what was done."""

    def __init__(self) -> None:
        super().__init__()
        self.backlog = Backlog()
        self.next = {A: 0, B: 0}
        self.undone: set[tuple[Place, int]] = set()
        self.committed = {A: 0, B: 0}

    @rule(places=st.lists(st.tuples(st.sampled_from([A, B]), st.booleans()), min_size=1, max_size=6))
    def reads(self, places: list[tuple[Place, bool]]) -> None:
        held = self.backlog.held()
        messages = []
        for place, passes in places:
            if place in held:
                continue
            offset = self.next[place]
            self.next[place] += 1
            self.backlog.read(place, offset)
            if passes:
                messages.append(_message(place, offset))
                self.undone.add((place, offset))
        if messages:
            self.backlog.add([Delivery(tuple(messages))])

    @rule(outcome=st.sampled_from(["done", "error", "partial"]), pick=st.integers(0, 5), bisects=st.booleans())
    def delivers(self, outcome: str, pick: int, bisects: bool) -> None:
        delivery = self.backlog.due(float("inf"))
        if delivery is None:
            return
        for message in delivery.messages:  # nothing undone of the partition lies before what is delivered
            assert min(o for p, o in self.undone if p == message.place) in {
                m.offset for m in delivery.messages if m.place == message.place
            }
        rules = Rules(max_retries=1, bisects=bisects)
        if outcome == "done" or delivery.discard:
            parts: list[Delivery] = []
        elif outcome == "error":
            parts = delivery.after_error("Unhandled", rules, 0.0)
        else:
            failed = delivery.messages[pick % len(delivery.messages)]
            parts = delivery.after_answer({failed.place: failed.offset}, rules, 0.0)
        self.backlog.replace(delivery, parts)
        left = {(m.place, m.offset) for each in parts for m in each.messages}
        self.undone -= {(m.place, m.offset) for m in delivery.messages} - left

    @rule()
    def commits(self) -> None:
        offsets = self.backlog.commits()
        self.backlog.committed(offsets)
        self.committed.update(offsets)

    @rule(place=st.sampled_from([A, B]))
    def changes_hands(self, place: Place) -> None:
        self.backlog.drop([place])
        self.undone = {(p, o) for p, o in self.undone if p != place}
        self.next[place] = self.committed[place]

    @invariant()
    def nothing_undone_is_passed(self) -> None:
        for place, offset in self.backlog.commits().items():
            assert offset > self.committed[place]
            assert all(o >= offset for p, o in self.undone if p == place)
            assert offset <= self.next[place]


Histories.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestHistories = Histories.TestCase
