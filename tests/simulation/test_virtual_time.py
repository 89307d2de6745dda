# SPDX-License-Identifier: Apache-2.0
"""Threads that wait in virtual time: one at a time, in the same order every time, and none left behind."""

from __future__ import annotations

import threading
import time as machine
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.parallel import LANES, WORKERS
from hub.simulation.errors import SimulationError
from hub.simulation.virtual_time import VirtualPool, VirtualTime

WHO: ContextVar[str] = ContextVar("who", default="none")


def sleeper(time: VirtualTime, seen: list[str], name: str, *pauses: float) -> Callable[[], None]:
    def work() -> None:
        for pause in pauses:
            time.sleep(pause)
            seen.append(f"{name} at {time.now / 1_000_000:g}")

    return work


def test_time_moves_to_the_earliest_moment_that_is_waited_for() -> None:
    time, seen = VirtualTime(), list[str]()
    began = machine.monotonic()
    VirtualPool(time).all([sleeper(time, seen, "a", 60, 60), sleeper(time, seen, "b", 90), sleeper(time, seen, "c", 0)])
    assert seen == ["c at 0", "a at 60", "b at 90", "a at 120"]
    assert machine.monotonic() - began < 1


def test_what_is_ready_at_the_same_moment_goes_on_in_the_order_in_which_it_waited() -> None:
    time, seen = VirtualTime(), list[str]()
    VirtualPool(time).all([sleeper(time, seen, name, 1, 1) for name in "abc"])
    assert seen == ["a at 1", "b at 1", "c at 1", "a at 2", "b at 2", "c at 2"]


def shuffled(seed: int) -> list[str]:
    time, seen = VirtualTime(Random(seed)), list[str]()
    VirtualPool(time).all([sleeper(time, seen, name, 1, 1) for name in "abcd"])
    return seen


def test_a_seed_gives_one_order_and_seeds_give_many() -> None:
    orders = [tuple(shuffled(seed)) for seed in range(20)]
    assert orders == [tuple(shuffled(seed)) for seed in range(20)]
    assert len(set(orders)) > 10
    assert all(sorted(order) == sorted(orders[0]) for order in orders)


def test_a_result_is_waited_for_as_long_as_one_says() -> None:
    time = VirtualTime()
    pool = VirtualPool(time)
    slow = pool.start(partial(time.sleep, 10))
    with pytest.raises(TimeoutError):
        slow.result(timeout=4)
    assert time.now == 4_000_000
    time.sleep(1)
    slow.result(timeout=60)
    assert time.now == 10_000_000


def test_a_wait_that_timed_out_wakes_nobody_later() -> None:
    time = VirtualTime()
    slow = VirtualPool(time).start(partial(time.sleep, 10))
    with pytest.raises(TimeoutError):
        slow.result(timeout=4)
    time.sleep(60)
    assert time.now == 64_000_000


def test_errors_reach_the_thread_that_takes_the_result() -> None:
    class Death(BaseException):
        pass

    def die() -> None:
        raise Death

    pool = VirtualPool(VirtualTime())
    with pytest.raises(Death):
        pool.all([die, lambda: None])
    assert isinstance(pool.start(die).exception(), Death)


def test_a_promise_is_kept_by_another_thread() -> None:
    time = VirtualTime()
    pool = VirtualPool(time)
    promise = pool.promise()
    waiting = [pool.start(lambda: (promise.result(), time.now)) for _ in range(3)]
    time.sleep(2)
    promise.set_result("kept")
    assert [each.result() for each in waiting] == [("kept", 2_000_000)] * 3


def test_work_sees_the_context_of_its_caller() -> None:
    pool = VirtualPool(VirtualTime())
    token = WHO.set("caller")
    try:
        assert pool.all([WHO.get, WHO.get]) == ["caller", "caller"]
    finally:
        WHO.reset(token)


def test_the_pool_is_as_wide_as_the_real_one() -> None:
    time = VirtualTime()
    VirtualPool(time).all([partial(time.sleep, 1)] * (WORKERS + 1))
    assert time.now == 2_000_000


def test_work_that_waits_for_a_thread_that_it_keeps_from_running_is_an_error() -> None:
    pool = VirtualPool(VirtualTime())
    with pytest.raises(SimulationError, match="every thread waits"):
        pool.all([lambda: pool.start(lambda: None).result()] * WORKERS)


@given(st.integers(0, 5 * LANES))
def test_lanes_do_every_piece_once_and_give_the_results_in_order(count: int) -> None:
    time = VirtualTime()

    def piece(number: int) -> int:
        time.sleep(1)
        return number

    assert VirtualPool(time).lanes([partial(piece, number) for number in range(count)]) == list(range(count))
    assert time.now == -(-count // LANES) * 1_000_000


def test_another_thread_can_not_wait_in_virtual_time() -> None:
    time, raised = VirtualTime(), list[Exception]()

    def wait() -> None:
        try:
            time.sleep(1)
        except SimulationError as error:
            raised.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join()
    assert "did not start" in str(raised[0])


def test_closing_ends_every_thread_wherever_it_waits() -> None:
    before, ended = threading.active_count(), list[str]()
    time = VirtualTime()
    pool = VirtualPool(time)

    def wait(name: str, for_ever: Callable[[], object]) -> None:
        try:
            for_ever()
        finally:
            ended.append(name)
            pool.start(lambda: ended.append("too late"))

    pool.start(partial(wait, "sleeps", partial(time.sleep, 3600)))
    pool.start(partial(wait, "waits", pool.promise().result))
    time.sleep(1)
    pool.start(partial(wait, "never began", pool.promise().result))
    time.close()
    assert sorted(ended) == ["sleeps", "waits"]
    for _ in range(100):
        if threading.active_count() == before:
            break
        machine.sleep(0.01)
    assert threading.active_count() == before
