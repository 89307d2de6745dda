# SPDX-License-Identifier: Apache-2.0
"""Redelivery as SQS and Lambda do it: partial failures, exceptions, crashes, dead letters, several at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.simulation.events import SourceEvent
from hub.simulation.faults import parse_fault
from hub.simulation.queue import RECEIVES, VISIBILITY_TIMEOUT_SECONDS, Handle, SimulatedQueue
from hub.simulation.simulation import Simulation
from tests.simulation.worlds import world

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EVENT = SourceEvent.of("file", 0, {"source": "aws.guardduty", "detail-type": "GuardDuty Finding", "detail": {}})

Behaviour = Callable[[dict[str, Any], int], Any]


def give_back(record: dict[str, Any], _: int) -> Any:
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}


def raise_error(record: dict[str, Any], _: int) -> Any:
    raise ValueError(record["messageId"])


def accept(_: dict[str, Any], __: int) -> Any:
    return {"batchItemFailures": []}


class Product:
    """A handler that notes what it gets; ``behaviour`` decides how each receive ends."""

    def __init__(self, simulation: Simulation, behaviour: Behaviour) -> None:
        self.simulation = simulation
        self.behaviour = behaviour
        self.records: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.processes = 0

    def new_process(self) -> Handle:
        self.processes += 1

        def handle(event: dict[str, Any], context: Any) -> Any:
            (record,) = event["Records"]
            assert context.get_remaining_time_in_millis() > 0
            self.records.append(record)
            self.times.append((self.simulation.clock.now() - NOW).total_seconds())
            return self.behaviour(record, int(record["attributes"]["ApproximateReceiveCount"]))

        return handle


def test_a_message_looks_like_one_of_sqs() -> None:
    with Simulation(world(), now=NOW) as simulation:
        product = Product(simulation, accept)
        (delivered,) = SimulatedQueue(simulation, product.new_process).deliver([EVENT])
    (record,) = product.records
    assert json.loads(record["body"])["time"] == "2026-03-01T12:00:00Z"
    assert set(record) == {
        "messageId",
        "receiptHandle",
        "body",
        "attributes",
        "messageAttributes",
        "md5OfBody",
        "eventSource",
        "eventSourceARN",
        "awsRegion",
    }
    assert record["attributes"] == {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": "1772366400000",
        "SenderId": "AIDAEXAMPLEEVENTBRIDGE",
        "ApproximateFirstReceiveTimestamp": "1772366400000",
    }
    assert (delivered.receives, delivered.dead_lettered, delivered.error) == (1, False, None)


@pytest.mark.parametrize("behaviour", [give_back, raise_error])
def test_a_failure_comes_back_after_the_visibility_timeout_and_dies_after_five(behaviour: Behaviour) -> None:
    with Simulation(world(), now=NOW) as simulation:
        product = Product(simulation, behaviour)
        (delivered,) = SimulatedQueue(simulation, product.new_process).deliver([EVENT])
    assert (delivered.receives, delivered.dead_lettered) == (RECEIVES, True)
    assert delivered.error is not None
    assert product.times == [VISIBILITY_TIMEOUT_SECONDS * number for number in range(RECEIVES)]
    assert len({record["messageId"] for record in product.records}) == 1
    assert [record["attributes"]["SentTimestamp"] for record in product.records] == ["1772366400000"] * RECEIVES
    assert product.processes == 1


def test_a_second_receive_may_succeed() -> None:
    with Simulation(world(), now=NOW) as simulation:
        product = Product(simulation, lambda record, receive: give_back(record, receive) if receive == 1 else None)
        (delivered,) = SimulatedQueue(simulation, product.new_process).deliver([EVENT])
    assert (delivered.receives, delivered.dead_lettered, delivered.error) == (2, False, None)


def test_a_crashed_process_is_replaced() -> None:
    faults = [parse_fault("sts:GetCallerIdentity=crash-after")]
    with Simulation(world(), now=NOW, faults=faults) as simulation:
        client = simulation.session.client("sts")
        product = Product(simulation, lambda *_: client.get_caller_identity() and None)
        (delivered,) = SimulatedQueue(simulation, product.new_process).deliver([EVENT])
        calls = [(call["delivery"], call["receive"], call["error"]) for call in simulation.calls]
    assert (delivered.receives, delivered.dead_lettered, product.processes) == (2, False, 2)
    assert calls == [(1, 1, "crash"), (1, 2, None)]


def test_deliveries_are_messages_of_their_own_one_after_the_other() -> None:
    other = SourceEvent.of("file", 1, {"source": "x"})
    with Simulation(world(), now=NOW) as simulation:
        product = Product(simulation, accept)
        delivered = SimulatedQueue(simulation, product.new_process).deliver([EVENT, other], deliveries=2)
    assert [(each.number, each.event.index) for each in delivered] == [(1, 0), (2, 0), (3, 1), (4, 1)]
    assert len({record["messageId"] for record in product.records}) == 4
    assert product.processes == 1


@pytest.mark.parametrize(("deliveries", "parallel", "copies"), [(1, 3, 3), (4, 2, 4), (3, 2, 3)])
def test_copies_are_handled_at_the_same_time(deliveries: int, parallel: int, copies: int) -> None:
    running, most = [0], [0]

    def overlap(record: dict[str, Any], receive: int) -> Any:
        running[0] += 1
        most[0] = max(most[0], running[0])
        simulation.clock.sleep(1)
        running[0] -= 1
        return accept(record, receive)

    with Simulation(world(), now=NOW) as simulation:
        product = Product(simulation, overlap)
        queue = SimulatedQueue(simulation, product.new_process)
        delivered = queue.deliver([EVENT], deliveries=deliveries, parallel=parallel)
    assert len(delivered) == len(product.records) == copies
    assert most[0] == parallel
    assert product.processes == parallel


def test_parallel_retries_run_after_the_round() -> None:
    with Simulation(world(), now=NOW) as simulation:
        product = Product(simulation, lambda record, receive: give_back(record, receive) if receive == 1 else None)
        delivered = SimulatedQueue(simulation, product.new_process).deliver([EVENT], parallel=2)
    assert [each.receives for each in delivered] == [2, 2]
    assert product.times == [0, 0, VISIBILITY_TIMEOUT_SECONDS, VISIBILITY_TIMEOUT_SECONDS]


def test_calls_of_parallel_deliveries_are_told_apart() -> None:
    with Simulation(world(), now=NOW) as simulation:
        client = simulation.session.client("sts")
        product = Product(simulation, lambda *_: client.get_caller_identity() and None)
        SimulatedQueue(simulation, product.new_process).deliver([EVENT], parallel=3)
        assert sorted(call["delivery"] for call in simulation.calls) == [1, 2, 3]


def test_a_warm_up_is_delivery_nought() -> None:
    with Simulation(world(), now=NOW) as simulation:
        client = simulation.session.client("sts")

        def new_process() -> Handle:
            client.get_caller_identity()
            return lambda *_: None

        queue = SimulatedQueue(simulation, new_process)
        queue.warm_up()
        queue.deliver([EVENT])
        assert [(call["delivery"], call["receive"]) for call in simulation.calls] == [(0, 0)]


def test_a_handler_that_outlives_its_process_has_not_answered() -> None:
    faults = [parse_fault("sts:GetCallerIdentity=crash-before")]
    with Simulation(world(), now=NOW, faults=faults) as simulation:
        client = simulation.session.client("sts")

        def call_in_a_thread_and_forget(*_: Any) -> Any:
            simulation.runtime().pool.start(client.get_caller_identity).exception()

        product = Product(simulation, call_in_a_thread_and_forget)
        (delivered,) = SimulatedQueue(simulation, product.new_process).deliver([EVENT])
    assert (delivered.receives, delivered.dead_lettered, product.processes) == (2, False, 2)
