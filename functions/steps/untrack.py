# SPDX-License-Identifier: Apache-2.0
"""Have open connections end with the quarantine group, by a moment in which nothing of the host is tracked.

Tracked connections survive a change of groups; untracked ones don't. So isolation itself, before the first quarantine
and only then, puts a group on every interface that lets everything in and out (``open_group``): it alone knows that
the quarantine group is there to go on next. What is left for this step is to say why the host was not opened, and to
take that group away again, also the one of a try that died; if isolation failed, it is closed where it is worn.
"""

from __future__ import annotations

from typing import Any

from functions.aws import errors
from functions.aws.command import aws_command
from functions.incident.model import Part, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.steps import isolate, open_group
from functions.steps.grant import OF_SESSION, Grant, reads
from functions.steps.host import Host
from functions.steps.step import Section, Step, Task, conclude, failed_part

NAME = open_group.OPTION
NEW_GROUP = "(the open group)"

_ITS_OWN = "The group is made within the session (or an earlier try's), so its id is not known beforehand."
_OF_ISOLATION = frozenset(
    {
        "ec2:AuthorizeSecurityGroupEgress",
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:CreateSecurityGroup",
        "ec2:CreateTags",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:ModifyNetworkInterfaceAttribute",
        "ec2:RevokeSecurityGroupEgress",
    }
)
_DELETE = Grant("ec2:DeleteSecurityGroup", "security-group", _ITS_OWN, OF_SESSION)
GRANTS = (
    *(grant for grant in isolate.GRANTS if grant.action in _OF_ISOLATION),
    Grant("ec2:RevokeSecurityGroupIngress", "security-group", _ITS_OWN, OF_SESSION),
    _DELETE,
    *reads("ec2:DescribeRouteTables"),
)
RELEASE_GRANTS = (_DELETE, *reads("ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups"))


def baseline(host: Host, observed: Any) -> Section:
    """Keep where the group is; the groups of interfaces are in isolation's section."""
    del observed
    return {"vpc": host.vpc}


def plan(task: Task) -> tuple[PlannedCall, ...]:
    """Return the calls that go before isolation's swap, and the one that goes after it."""
    if open_group.refusal(task) is not None:
        return ()
    swaps = (
        PlannedCall(NAME, "ModifyNetworkInterfaceAttribute", {"NetworkInterfaceId": each.id, "Groups": [NEW_GROUP]})
        for each in task.host.interfaces
    )
    return (
        PlannedCall(NAME, "CreateSecurityGroup", open_group.parameters(task.member, str(task.host.vpc))),
        PlannedCall(NAME, "AuthorizeSecurityGroupIngress", open_group.rules(NEW_GROUP)),
        *swaps,
        PlannedCall(NAME, "DeleteSecurityGroup", {"GroupId": NEW_GROUP}),
    )


def caution(task: Task) -> str | None:
    """Say why the host won't be opened, or that it will be."""
    why = open_group.refusal(task)
    if why is not None:
        return f"will be refused: {why}"
    return f"opens the host to all traffic for {open_group.OPEN_SECONDS:g} s, just before it is isolated"


def apply(task: Task, prepared: Any) -> StepResult:
    """Delete the open group, now that isolation is through with it."""
    del prepared
    try:
        group = open_group.find(task.member, str(task.host.vpc))
    except errors.AwsError as error:
        return conclude(NAME, [failed_part(NEW_GROUP, error)], {})
    why = open_group.refusal(task)
    if group is not None:
        return conclude(NAME, [open_group.take_away(task.member, group, shut=True)], {"group": group})
    said = f"refused: {why}" if why is not None else "not done, for the reason that isolation gives"
    return conclude(NAME, [Part("open connections", StepOutcome.SKIPPED, said)], {})


def verify(task: Task, result: StepResult) -> StepResult:
    """Return the result: EC2's answer to deleting says that nothing wears the group any more."""
    del task
    return result


def revert(task: Task, result: StepResult, now: Host) -> tuple[RestoredItem, ...]:
    """Delete an open group that is left; isolation has put the interfaces' own groups back by now."""
    del result, now
    group = open_group.find(task.member, str(task.section["vpc"]))
    if group is None:
        return ()
    what, part = f"open group {group}", open_group.take_away(task.member, group, shut=False)
    if part.outcome is StepOutcome.DONE:
        return (RestoredItem(NAME, what, restored=True, reason=part.reason),)
    command = aws_command("ec2", "DeleteSecurityGroup", {"GroupId": group}, task.member.target.region)
    return (RestoredItem(NAME, what, restored=False, reason=part.reason, retry=part.transient, command=command),)


STEP = Step(
    name=NAME,
    within=isolate.NAME,
    on=lambda options: bool(options.get(open_group.OPTION)),
    grants=GRANTS,
    release_grants=RELEASE_GRANTS,
    baseline=baseline,
    plan=plan,
    caution=caution,
    apply=apply,
    verify=verify,
    revert=revert,
    after=(isolate.NAME,),
)
