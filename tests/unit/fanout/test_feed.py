"""A feed shows one history, each event once, and takes back what did not hold."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from minuet.services.fanout.feed import Feed, Link, Verdict


class Step(NamedTuple):
    first: int
    last: int
    prev: str
    commit: str

    @property
    def link(self) -> Link:
        frames = tuple(b"%d" % seq for seq in range(self.first, self.last + 1))
        return Link(self.first, self.last, self.commit, frames)


class Screen:
    """What a client saw."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.resyncs: list[str] = []

    def offer(self, frame: bytes) -> None:
        self.seen.append(int(frame))

    def offer_extra(self, frame: bytes) -> None:
        self.offer(frame)

    def end(self, code: int, reason: str) -> None:
        raise AssertionError("nobody ends it")

    def start_over(self, reason: str) -> None:
        self.resyncs.append(reason)


def chain(counts: list[int], *, name: str = "c", after: int = 0, prev: str = "") -> list[Step]:
    steps: list[Step] = []
    for at, count in enumerate(counts):
        commit = f"{name}/{at}"
        steps.append(Step(after + 1, after + count, prev, commit))
        after, prev = after + count, commit
    return steps


def fresh() -> tuple[Feed, Screen]:
    feed, screen = Feed("0-x", "t", seq=0, commit="", ended=False), Screen()
    feed.watchers.add(screen)
    return feed, screen


def offer(feed: Feed, step: Step) -> Verdict:
    verdict = feed.judge(*step)
    if verdict is Verdict.FOLLOWS:
        feed.show(step.link)
    return verdict


def test_what_follows_is_shown() -> None:
    feed, screen = fresh()
    assert [offer(feed, step) for step in chain([2, 1])] == [Verdict.FOLLOWS] * 2
    assert screen.seen == [1, 2, 3]


def test_a_gap_is_missing_and_shows_nothing() -> None:
    feed, screen = fresh()
    assert offer(feed, chain([2, 1])[1]) is Verdict.MISSING
    assert screen.seen == []


def test_another_commit_in_the_same_place_is_a_fork() -> None:
    feed, _ = fresh()
    first, second = chain([2, 1])
    offer(feed, first)
    offer(feed, second)
    (other,) = chain([1], name="d", after=2, prev=first.commit)
    assert offer(feed, other) is Verdict.FORKED


def test_what_builds_on_another_commit_is_a_fork() -> None:
    feed, _ = fresh()
    offer(feed, chain([2])[0])
    (other,) = chain([1], name="d", after=2, prev="d/9")
    assert offer(feed, other) is Verdict.FORKED


def test_below_the_record_nothing_counts_any_more() -> None:
    feed, _ = fresh()
    first, second = chain([2, 1])
    offer(feed, first)
    offer(feed, second)
    assert feed.confirm(second.last, second.commit)
    (other,) = chain([1], name="d", after=2, prev=first.commit)
    assert offer(feed, other) is Verdict.REPEATED
    assert not feed.tail


def test_a_record_of_another_history_is_not_confirmed() -> None:
    feed, _ = fresh()
    (step,) = chain([2])
    offer(feed, step)
    assert not feed.confirm(2, "d/1")
    assert not feed.agrees_with([(1, 2, "d/1")])
    assert feed.agrees_with([(1, 2, step.commit), (3, 3, "later")])


def test_rewinding_tells_all_watchers_and_voids_positions() -> None:
    feed, screen = fresh()
    for step in chain([2, 1]):
        offer(feed, step)
    feed.rewind(2, "c/0", ended=False)
    assert (feed.seq, feed.epoch, screen.resyncs) == (2, 1, ["rollback"])
    (other,) = chain([1], name="d", after=2, prev="c/0")
    assert offer(feed, other) is Verdict.FOLLOWS


def test_frames_after_a_position_inside_a_transition() -> None:
    feed, _ = fresh()
    for step in chain([3, 2]):
        offer(feed, step)
    assert feed.frames_after(2) == [b"3", b"4", b"5"]
    assert feed.frames_after(5) == []
    assert feed.frames_after(6) is None
    feed.confirm(3, "c/0")
    assert feed.frames_after(2) is None, "those are recorded: ask Postgres"
    assert feed.frames_after(3) == [b"4", b"5"]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_redelivered_and_reordered_entries_show_each_event_once(data: st.DataObject) -> None:
    steps = chain(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=8)))
    deliveries = data.draw(st.lists(st.sampled_from(steps), max_size=30))
    feed, screen = fresh()
    for step in [*deliveries, *steps]:  # at last everything comes once in order
        assert offer(feed, step) is not Verdict.FORKED
        if data.draw(st.booleans()):
            shown = [each for each in steps if each.last <= feed.seq]
            recorded = data.draw(st.sampled_from(shown)) if shown else None
            if recorded is not None and recorded.last > feed.recorded:
                assert feed.confirm(recorded.last, recorded.commit)
    assert screen.seen == list(range(1, steps[-1].last + 1))
    assert screen.resyncs == []
