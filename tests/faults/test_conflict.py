# SPDX-License-Identifier: Apache-2.0
"""Hosts that are contained at the same time meet in the counters: none has to wait for its message to return."""

from __future__ import annotations

import pytest

from hub.simulation.faults import Fault
from tests.faults.walk import contained_with, host

CONFLICTS = [
    Fault("dynamodb", "TransactWriteItems", "TransactionCanceledException", 4),
    Fault("dynamodb", "TransactWriteItems", "TransactionCanceledException", 4, skip=1),
    Fault("dynamodb", "UpdateItem", "TransactionConflictException", 4),
    Fault("dynamodb", "PutItem", "TransactionConflictException", 4),
    Fault("dynamodb", "PutItem", "TransactionConflictException", 4, skip=1),
]


@pytest.mark.parametrize("conflict", CONFLICTS, ids=lambda fault: f"{fault.operation} after {fault.skip}")
def test_a_conflict_costs_a_moment_and_no_receive(conflict: Fault) -> None:
    ended = contained_with(conflict)
    (handed,) = ended.handed
    assert handed.delivered.receives == 1
    assert sum(call["fault"] is not None for call in ended.calls) == 4
    (incident,) = ended.incidents
    assert incident.state.value == "contained"
    assert host(ended.world).isolated
    assert len(ended.world["snapshots"]) == 2
