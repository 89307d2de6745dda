# SPDX-License-Identifier: Apache-2.0
"""Faults at every AWS operation of a plain containment: the host ends contained, or the gap is named; never re-opened.

The matrix has every call of every step.
"""

from __future__ import annotations

import re

import pytest

from hub.simulation.faults import Fault
from hub.simulation.run import SimulationResult
from tests.faults.walk import (
    CALLS,
    DENIED,
    PASSING,
    Host,
    contained_with,
    host,
    made,
    original_groups,
    quarantines,
    swaps,
    told,
)

CONTAINED = Host(isolated=True, protected=True, kept=True, tagged=True, snapshots=2)
UNTOUCHED = Host(isolated=False, protected=False, kept=False, tagged=False, snapshots=0)

ON_DENIAL: dict[str, tuple[str, Host]] = {
    # what a denial of the operation leaves: the incident's state ("" = none recorded), and the host
    "dynamodb:PutItem": ("", UNTOUCHED),
    "dynamodb:BatchGetItem": ("", UNTOUCHED),
    "dynamodb:TransactWriteItems": ("observed", UNTOUCHED),
    "dynamodb:UpdateItem": ("partial", CONTAINED),
    "sts:AssumeRole": ("failed", UNTOUCHED),
    "dynamodb:Query": ("contained", CONTAINED),
    "s3:PutObject": ("partial", CONTAINED),
    "autoscaling:DescribeAutoScalingInstances": ("partial", CONTAINED),
    "elbv2:DescribeTargetGroups": ("partial", CONTAINED),
    "ec2:DescribeInstanceTypes": ("contained", CONTAINED),
    "ec2:GetConsoleOutput": ("partial", CONTAINED),
    "ec2:GetConsoleScreenshot": ("partial", CONTAINED),
    "sns:Publish": ("contained", CONTAINED),
    "ec2:DescribeInstances": ("failed", UNTOUCHED),
    "ec2:DescribeNetworkInterfaces": ("partial", CONTAINED),
    "ec2:DescribeVolumes": ("partial", CONTAINED),
    "ec2:DescribeInstanceAttribute": ("partial", Host(True, False, True, True, 2)),
    "ec2:CreateSecurityGroup": ("failed", Host(False, True, True, True, 2)),
    "ec2:DescribeSecurityGroupRules": ("failed", Host(False, True, True, True, 2)),
    "ec2:AuthorizeSecurityGroupIngress": ("partial", CONTAINED),
    "ec2:RevokeSecurityGroupEgress": ("failed", Host(False, True, True, True, 2)),
    "ec2:ModifyNetworkInterfaceAttribute": ("failed", Host(False, True, True, True, 2)),
    "ec2:ModifyInstanceAttribute": ("partial", Host(True, False, False, True, 2)),
    "ec2:CreateSnapshots": ("contained", CONTAINED),
    "ec2:CreateTags": ("partial", Host(True, True, True, False, 2)),
    "ec2:DescribeSecurityGroups": ("partial", CONTAINED),
    "ec2:DescribeSnapshots": ("partial", CONTAINED),
    "ec2:DescribeTags": ("partial", CONTAINED),
}
READING = re.compile(r":(Describe|Get|Query|BatchGet)")
UNNAMED_IN_RECORD = {"sns:Publish"}
"""Gaps that the log names: nothing of the host is missing."""


def test_the_table_names_every_call() -> None:
    ended = contained_with()
    assert dict(made(ended)) == CALLS
    assert host(ended.world) == CONTAINED


@pytest.mark.parametrize("what", PASSING)
@pytest.mark.parametrize("operation", [each for each in CALLS if not READING.search(each)])
def test_a_passing_fault_changes_nothing_in_the_end(operation: str, what: str) -> None:
    service, _, called = operation.partition(":")
    ended = contained_with(Fault(service, called, what, 1))
    assert any(call["fault"] == what for call in ended.calls), "the fault was never met"
    assert ended.handed[0].result is not None, told(ended)
    assert host(ended.world) == CONTAINED
    assert [incident.state.value for incident in ended.incidents] == ["contained"]
    assert_monotonic(ended)


@pytest.mark.parametrize("operation", list(CALLS))
def test_a_denial_leaves_everything_else_done_and_the_gap_named(operation: str) -> None:
    service, _, called = operation.partition(":")
    ended = contained_with(Fault(service, called, DENIED, None))
    state, left = ON_DENIAL[operation]
    assert [incident.state.value for incident in ended.incidents] == ([state] if state else [])
    assert host(ended.world) == left
    if operation not in UNNAMED_IN_RECORD:
        assert f"{called}: {DENIED}" in told(ended)
    assert_monotonic(ended)


def assert_monotonic(ended: SimulationResult) -> None:
    """The host was never re-opened, and the baseline is what was there before the first mutation."""
    groups = {group["id"]: group for group in ended.world["security_groups"]}
    assert all(quarantines(groups[group]) for group in swaps(ended))
    for incident in ended.incidents:
        if "isolate" in incident.baseline:
            assert incident.baseline["isolate"]["interfaces"] == original_groups(ended)
