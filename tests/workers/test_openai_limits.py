"""Concurrency that adapts, rates, pauses and the breaker, by a clock that the test turns."""

import threading

import pytest

from workers.engines.limits import AdaptiveLimit, Backoff, BreakerOpenError, CircuitBreaker, Gate, Limits, Rate


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_concurrency_doubles_each_round_until_the_server_objects_then_grows_by_one():
    limit = AdaptiveLimit(64)
    assert limit.value == 16
    for _ in range(16):
        limit.note_answer(0.1)
    assert limit.value == 32
    limit.note_objection(limit.epoch)
    assert limit.value == 16
    for _ in range(17):
        limit.note_answer(0.1)
    # A round of answers at 16 to 17 adds one.
    assert limit.value == 17


def test_one_overload_halves_once_for_all_requests_that_were_under_way():
    limit = AdaptiveLimit(64)
    epoch = limit.epoch
    for _ in range(16):
        limit.note_objection(epoch)
    assert limit.value == 8


def test_concurrency_stays_between_one_and_what_the_owner_states():
    limit = AdaptiveLimit(20)
    for _ in range(100):
        limit.note_answer(0.1)
    assert limit.value == 20
    for _ in range(20):
        limit.note_objection(limit.epoch)
    assert limit.value == 1


def test_a_queue_at_the_server_stops_growth_and_then_shrinks_the_limit_to_where_it_started():
    limit = AdaptiveLimit(100)
    for _ in range(32):
        limit.note_answer(1.0)
    grown = limit.value
    for _ in range(32):
        limit.note_answer(4.0)
    assert limit.value <= grown + 16
    held = limit.value
    for _ in range(16):
        limit.note_answer(4.0)
    assert limit.value == held
    for round_number in range(2000):
        limit.note_answer(1000.0 * 1.2 ** min(200, round_number))
    assert limit.value == 16


def test_a_rate_lets_a_minutes_worth_through_and_then_as_much_as_time_brings(clock):
    rate = Rate(60, clock)
    rate.spend(60)
    assert rate.wait_for(1) == pytest.approx(1.0)
    clock.now += 30
    assert rate.wait_for(30) == 0
    assert rate.wait_for(31) == pytest.approx(1.0)


def test_a_rate_gives_back_what_was_reserved_and_not_needed(clock):
    rate = Rate(100, clock)
    rate.spend(100)
    rate.spend(-80)
    assert rate.wait_for(80) == 0


def test_a_request_beyond_a_whole_minutes_worth_waits_for_a_full_bucket_not_for_ever(clock):
    rate = Rate(100, clock)
    rate.spend(100)
    assert rate.wait_for(5000) == pytest.approx(60.0)


def test_a_limit_that_the_server_states_only_lowers_the_owners(clock):
    rate = Rate(100, clock)
    rate.lower_to(1000)
    assert rate.per_minute == 100
    rate.lower_to(10)
    assert rate.per_minute == 10
    unbounded = Rate(None, clock)
    unbounded.lower_to(50)
    assert unbounded.per_minute == 50


def test_the_breaker_opens_after_failures_in_a_row_and_lets_one_through_after_its_pause(clock):
    breaker = CircuitBreaker(pause=10, clock=clock)
    for _ in range(4):
        breaker.note_failure(5)
    breaker.note_answer()
    for _ in range(4):
        breaker.note_failure(5)
    seen = [breaker.blocks]
    breaker.note_failure(5)
    seen.append(breaker.blocks)
    clock.now += 10
    seen.append(breaker.blocks)
    assert breaker.begin()
    seen.append(breaker.blocks)
    breaker.note_answer()
    seen.append(breaker.blocks)
    assert seen == [False, True, False, True, False]


def test_a_failed_probe_doubles_the_pause_up_to_its_bound(clock):
    breaker = CircuitBreaker(pause=10, longest=25, clock=clock)
    breaker.note_failure(1)
    pauses = []
    for _ in range(3):
        clock.now += breaker.seconds_left
        breaker.begin()
        breaker.note_failure(1)
        pauses.append(breaker.seconds_left)
    assert pauses == pytest.approx([20, 25, 25])


def test_a_probe_that_ended_without_an_answer_does_not_close_the_way_for_good(clock):
    gate = Gate(Limits(concurrency=1), clock=clock)
    for _ in range(5):
        with gate.passage(1) as permit:
            gate.failed(permit)
    with pytest.raises(BreakerOpenError), gate.passage(1):
        pass
    clock.now += 15
    with pytest.raises(ZeroDivisionError), gate.passage(1):
        raise ZeroDivisionError
    with gate.passage(1) as permit:
        gate.answered(permit, 0.1, 10)
    with gate.passage(1):
        pass


def test_never_more_requests_are_under_way_than_allowed():
    gate = Gate(Limits(concurrency=3))
    lock, under_way, most = threading.Lock(), 0, 0
    together = threading.Barrier(3)

    def ask():
        nonlocal under_way, most
        with gate.passage(1) as permit:
            with lock:
                under_way += 1
                most = max(most, under_way)
            # Passed only if three are inside at once.
            together.wait(timeout=30)
            with lock:
                under_way -= 1
            gate.answered(permit, 0.01, None)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3


def test_pauses_grow_with_full_jitter_and_what_the_server_asks_for_wins():
    drawn = []

    def draw(low, high):
        drawn.append((low, high))
        return high

    backoff = Backoff(first=1, longest=4, patience=100, draw=draw)
    assert [backoff.next_pause() for _ in range(4)] == [1, 2, 4, 4]
    assert drawn == [(0.0, 1), (0.0, 2), (0.0, 4), (0.0, 4)]
    assert backoff.next_pause(asked=20) == pytest.approx(22.0)


def test_patience_with_a_server_ends():
    backoff = Backoff(patience=10, draw=lambda low, high: high)
    assert backoff.next_pause(asked=3600) is None
    assert backoff.next_pause(asked=5) == pytest.approx(5.5)
    assert backoff.next_pause(asked=5) is None
