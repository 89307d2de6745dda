# SPDX-License-Identifier: Apache-2.0
"""A quarantine group's rules, just after it was made: the investigators' way in, and nothing out, for certain.

A new group lets everything out. EC2 may not show that rule yet, or may not know the group at all yet, so seeing no
rule proves nothing: what proves that a group is shut is EC2's answer to revoking. A group that isn't proven shut is
never put on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from functions.aws import errors
from functions.aws.retry import repeat, repeat_on_error
from functions.clock import Clock
from functions.incident.model import ItemOutcome, StepOutcome
from functions.steps.network.access import Access, rule_of
from functions.steps.reading import every
from functions.steps.step import Member, StepError, failed_item

T = TypeVar("T")

ACCESS_ITEM = "investigators' access"
_IPV4 = "0.0.0.0/0"
EVERYWHERE = (_IPV4, "::/0")
NOT_VISIBLE = frozenset({"InvalidGroup.NotFound", "InvalidGroupId.NotFound", "InvalidSecurityGroupID.NotFound"})
"""What EC2 says of a group that is gone, or that was made a moment ago."""

_DENIED = "UnauthorizedOperation"
"""What EC2 says where IAM doesn't see the tags of a new group yet, by which the role's permissions are bound."""

_PAUSES_SECONDS = (0.25, 0.5, 1.0, 2.0)
_DUPLICATE_RULE = "InvalidPermission.Duplicate"
_RULE_GONE = ("InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound")
_OUTWARD: dict[str, dict[str, Any]] = {
    # every rule that EC2 makes a group with; the second in VPCs with IPv6
    _IPV4: {"IpProtocol": "-1", "IpRanges": [{"CidrIp": _IPV4}]},
    "::/0": {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
}


class GroupError(StepError):
    """No quarantine group can be trusted or made; the text says why. ``transient``: a later try may do better."""

    code = "GroupNotTrusted"

    def __init__(self, text: str, *, transient: bool = False) -> None:
        super().__init__(text)
        self.transient = transient


class NotVisibleYetError(GroupError):
    """EC2 doesn't show the rules yet that a new group is made with."""

    code = "NotVisibleYet"


def once_visible(clock: Clock, call: Callable[[], T]) -> T:
    """Make a call about a group made a moment ago, again while EC2 doesn't know the group or its tags.

    Raises what the call raises.
    """
    return repeat_on_error(call, while_=_not_visible, pauses=_PAUSES_SECONDS, clock=clock)


def try_call_on_group(member: Member, what: str, call: Callable[[], object]) -> ItemOutcome:
    """Make such a call and tell how it ended. A group that isn't there is worth another try: then one is made.

    The isolating call is made here, so this repeats by itself: few functions stand between a message and that call.
    """
    for pause in (*_PAUSES_SECONDS, None):
        try:
            call()
        except errors.AwsError as error:
            if pause is None or not _not_visible(error):
                item = failed_item(what, error)
                return replace(item, transient=True) if item.error in NOT_VISIBLE else item
            member.clock.sleep(pause)
        else:
            break
    return ItemOutcome(what, StepOutcome.DONE)


def _not_visible(error: Exception) -> bool:
    return errors.code(error) in {*NOT_VISIBLE, _DENIED}


def outward_rules(member: Member, group: str, access: Access, *, fresh: bool) -> dict[str, str]:
    """Return the egress rules that a group was made with: id -> CIDR. Those that it is to keep are left out.

    A fresh group has such a rule for certain, so it is read again until one shows. Raises NotVisibleYetError when none
    does, GroupError for any other egress rule, and what AWS raises.
    """
    read = partial(_read_outward_rules, member, group, access)
    found = repeat(read, while_=lambda rules: fresh and not rules, pauses=_PAUSES_SECONDS, clock=member.clock)
    if fresh and not found:
        raise NotVisibleYetError(
            f"{group} was made, but the rules that it was made with don't show yet", transient=True
        )
    return found


def shut(member: Member, group: str, rules: Mapping[str, str], *, ipv6: bool) -> ItemOutcome:
    """Revoke the egress rules that show by their ids, and those that a group is made with but that don't show.

    Where a rule shows and the host has no IPv6 address, the rule for IPv6 may not be there at all and isn't asked for.
    """
    wanted = _OUTWARD if ipv6 or not rules else {_IPV4: _OUTWARD[_IPV4]}
    calls: list[dict[str, Any]] = [{"SecurityGroupRuleIds": list(rules)}] if rules else []
    calls += [{"IpPermissions": [rule]} for cidr, rule in wanted.items() if cidr not in rules.values()]
    items = member.pool.all([partial(_revoke, member, group, parameters) for parameters in calls])
    return next((item for item in items if item.outcome is not StepOutcome.DONE), ItemOutcome(group, StepOutcome.DONE))


def _revoke(member: Member, group: str, parameters: dict[str, Any]) -> ItemOutcome:
    revoke = partial(member.ec2.revoke_security_group_egress, GroupId=group, **parameters)
    item = try_call_on_group(member, group, partial(_revoked, group, revoke))
    return ItemOutcome(group, StepOutcome.DONE) if item.error in _RULE_GONE else item


def let_in(member: Member, group: str, access: Access) -> ItemOutcome:
    """Let the investigators in, and the host reach the endpoints by which they come."""
    ec2 = member.ec2
    calls = [
        partial(authorize, GroupId=group, IpPermissions=permissions)
        for authorize, permissions in (
            (ec2.authorize_security_group_ingress, access.permissions()),
            (ec2.authorize_security_group_egress, access.outward_permissions()),
        )
        if permissions
    ]
    items = member.pool.all([partial(try_call_on_group, member, ACCESS_ITEM, call) for call in calls])
    failed = (item for item in items if item.outcome is not StepOutcome.DONE and item.error != _DUPLICATE_RULE)
    return next(failed, ItemOutcome(ACCESS_ITEM, StepOutcome.DONE))


def _read_outward_rules(member: Member, group: str, access: Access) -> dict[str, str]:
    call = partial(
        every,
        member.ec2.describe_security_group_rules,
        "SecurityGroupRules",
        Filters=[{"Name": "group-id", "Values": [group]}],
    )
    made_with: dict[str, str] = {}
    for told in once_visible(member.clock, call):
        rule = rule_of(told)
        if rule.egress and rule not in access.rules:
            if rule.source not in EVERYWHERE:
                text = f"{group} has a rule that Cordon did not make: {told.get('SecurityGroupRuleId')}"
                raise GroupError(text, transient=True)  # the next try makes another group
            made_with[str(told["SecurityGroupRuleId"])] = rule.source
    return made_with


def _revoked(group: str, revoke: Callable[[], dict[str, Any]]) -> None:
    if revoke().get("Return") is False:
        raise NotVisibleYetError(f"EC2 did not say that the rules of {group} were revoked", transient=True)
