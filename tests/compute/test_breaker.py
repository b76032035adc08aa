"""The breaker by a clock of its own."""

from __future__ import annotations

from skyhook.compute.breaker import FAILURES, PAUSE_S, Breaker


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def opened() -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        assert breaker.wait_s() == 0
        breaker.failed()
    return breaker, clock


def test_it_opens_after_so_many_failures_in_a_row_and_no_others() -> None:
    breaker, _ = opened()
    assert breaker.wait_s() == PAUSE_S[0]
    breaker = Breaker(Clock())
    for _ in range(FAILURES * 2):
        breaker.failed()
        breaker.passed()
    assert breaker.wait_s() == 0


def test_one_trial_is_let_through_after_each_pause() -> None:
    breaker, clock = opened()
    clock.now = PAUSE_S[0]
    assert breaker.wait_s() == 0
    assert breaker.wait_s() == PAUSE_S[0]
    clock.now *= 2
    assert breaker.wait_s() == 0, "the first trial has not ended, and others are tried as well"


def test_a_trial_that_does_well_closes_it() -> None:
    breaker, clock = opened()
    clock.now = PAUSE_S[0]
    breaker.wait_s()
    breaker.passed()
    assert [breaker.wait_s() for _ in range(3)] == [0, 0, 0]


def test_each_failed_trial_doubles_the_pause_up_to_a_limit() -> None:
    breaker, clock = opened()
    pauses = []
    for _ in range(6):
        clock.now += breaker.wait_s()
        assert breaker.wait_s() == 0
        breaker.failed()
        pauses.append(breaker.wait_s())
    assert pauses == [10, 20, 40, 60, 60, 60]


def test_calls_that_were_under_way_when_it_opened_do_not_prolong_it() -> None:
    breaker, _ = opened()
    for _ in range(100):
        breaker.failed()
    assert breaker.wait_s() == PAUSE_S[0]
