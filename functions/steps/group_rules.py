# SPDX-License-Identifier: Apache-2.0
"""A quarantine group's rules, just after it was made: the investigators' way in, and nothing out, for certain.

A new group lets everything out. EC2 may not show that rule yet, or may not know the group at all yet, so seeing no
rule proves nothing: what proves that a group is shut is EC2's answer to revoking. A group that isn't proven shut is
never put on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from functions.aws import errors
from functions.clock import Clock
from functions.incident.model import Part, StepOutcome
from functions.steps.access import Access
from functions.steps.reading import every
from functions.steps.step import Member, attempt

T = TypeVar("T")

ACCESS_PART = "investigators' access"
EVERYWHERE = ("0.0.0.0/0", "::/0")
NOT_VISIBLE = frozenset({"InvalidGroup.NotFound", "InvalidGroupId.NotFound", "InvalidSecurityGroupID.NotFound"})
"""What EC2 says of a group that is gone, or that was made a moment ago."""

_PAUSES_SECONDS = (0.25, 0.5, 1.0, 2.0)
_DUPLICATE_RULE = "InvalidPermission.Duplicate"
_RULE_GONE = ("InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound")
_OUTWARD = (
    # every rule that EC2 makes a group with
    {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
    {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
)


class GroupError(Exception):
    """No quarantine group can be trusted or made; the text says why. ``transient``: a later try may do better."""

    code = "GroupNotTrusted"

    def __init__(self, text: str, *, transient: bool = False) -> None:
        super().__init__(text)
        self.transient = transient


class NotVisibleYetError(GroupError):
    """EC2 doesn't show the rules yet that a new group is made with."""

    code = "NotVisibleYet"


def once_visible(clock: Clock, call: Callable[[], T]) -> T:
    """Make a call about a group made a moment ago, again while EC2 doesn't know the group; raise what it raises."""
    for pause in _PAUSES_SECONDS:
        try:
            return call()
        except ClientError as error:
            if errors.code(error) not in NOT_VISIBLE:
                raise
        clock.sleep(pause)
    return call()


def attempt_on_group(member: Member, what: str, call: Callable[[], object]) -> Part:
    """Make such a call and tell how it ended. A group that isn't there is worth another try: then one is made."""
    part = attempt(what, lambda: once_visible(member.clock, call))
    return replace(part, transient=True) if part.error in NOT_VISIBLE else part


def outward_rules(member: Member, group: str, *, fresh: bool) -> list[str]:
    """Return the ids of the egress rules that a group was made with.

    A fresh group has such a rule for certain, so it is read again until it shows. Raises NotVisibleYetError when it
    does not, GroupError for any other egress rule, and what AWS raises.
    """
    read = partial(_read_outward_rules, member, group)
    found = read()
    for pause in _PAUSES_SECONDS if fresh else ():
        if found:
            return found
        member.clock.sleep(pause)
        found = read()
    if fresh and not found:
        raise NotVisibleYetError(
            f"{group} was made, but the rules that it was made with don't show yet", transient=True
        )
    return found


def shut(member: Member, group: str, rules: list[str]) -> Part:
    """Revoke the egress rules of these ids; where none shows, those that any group is made with, whatever shows."""
    ec2 = member.ec2
    if rules:
        calls: list[dict[str, Any]] = [{"SecurityGroupRuleIds": rules}]
    else:
        calls = [{"IpPermissions": [permission]} for permission in _OUTWARD]
    for parameters in calls:
        revoke = partial(ec2.revoke_security_group_egress, GroupId=group, **parameters)
        part = attempt_on_group(member, group, partial(_revoked, group, revoke))
        if part.outcome is not StepOutcome.DONE and part.error not in _RULE_GONE:
            return part
    return Part(group, StepOutcome.DONE)


def let_in(member: Member, group: str, access: Access) -> Part:
    """Let the investigators in."""
    permissions = access.permissions()
    if not permissions:
        return Part(ACCESS_PART, StepOutcome.DONE)
    ec2 = member.ec2
    part = attempt_on_group(
        member,
        ACCESS_PART,
        lambda: ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions),
    )
    return Part(ACCESS_PART, StepOutcome.DONE) if part.error == _DUPLICATE_RULE else part


def _read_outward_rules(member: Member, group: str) -> list[str]:
    call = partial(
        every,
        member.ec2.describe_security_group_rules,
        "SecurityGroupRules",
        Filters=[{"Name": "group-id", "Values": [group]}],
    )
    outward = [rule for rule in once_visible(member.clock, call) if rule.get("IsEgress")]
    for rule in outward:
        if (rule.get("CidrIpv4") or rule.get("CidrIpv6")) not in EVERYWHERE:
            text = f"{group} has a rule that Cordon did not make: {rule.get('SecurityGroupRuleId')}"
            raise GroupError(text, transient=True)  # the next try makes another group
    return [str(rule["SecurityGroupRuleId"]) for rule in outward]


def _revoked(group: str, revoke: Callable[[], dict[str, Any]]) -> None:
    if revoke().get("Return") is False:
        raise NotVisibleYetError(f"EC2 did not say that the rules of {group} were revoked", transient=True)
