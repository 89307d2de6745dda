# SPDX-License-Identifier: Apache-2.0
"""The quarantine group: found by the id that the hub recorded, or made.

Names and tags prove nothing: a member could squat the name, or tag production's group as ours. So a group is trusted
when the hub's own record holds its id, and its rules are read each time. A group with other rules is never repaired:
another is made, with the incident in its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from functions.aws import errors
from functions.aws.once import make_once
from functions.incident.ids import new_token
from functions.incident.model import Part, PlannedCall, StepOutcome
from functions.steps.access import Access, rules_of
from functions.steps.quarantine import STATUS_TAG, STATUS_VALUE
from functions.steps.step import Member, Task, attempt

PERMISSIONS = (
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateSecurityGroup",
    "ec2:CreateTags",
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "ec2:RevokeSecurityGroupEgress",
)
ACCESS_PART = "investigators' access"
RECORD_PART = "the hub's record of the group"
NEW_GROUP = "(the new quarantine group)"
_EVERYWHERE = ("0.0.0.0/0", "::/0")
_DUPLICATE_NAME = "InvalidGroup.Duplicate"
_DUPLICATE_RULE = "InvalidPermission.Duplicate"
_RULE_GONE = ("InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound")


class GroupError(Exception):
    """No quarantine group can be trusted or made; the text says why."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The group to put on, and what went wrong beside: the investigators' way in, the hub's record of the group."""

    group: str
    gaps: tuple[Part, ...] = ()


def read_recorded(member: Member) -> dict[str, Mapping[str, Any]]:
    """Return the recorded groups that exist, by id, with their rules."""
    recorded = sorted(set(member.groups.values()))
    if not recorded:
        return {}
    # As a filter: a recorded id that is gone is then absent from the answer instead of failing the call.
    answer = member.ec2.describe_security_groups(Filters=[{"Name": "group-id", "Values": recorded}])
    return {group["GroupId"]: group for group in answer["SecurityGroups"]}


def trusted(task: Task) -> str | None:
    """Return the recorded group for the host's VPC and access, if it is exactly as it should be."""
    group = task.member.groups.get(record_name(task))
    if group is None or not isinstance(task.observed, Mapping) or group not in task.observed:
        return None
    return group if _as_it_should_be(task, task.observed[group]) else None


def record_name(task: Task) -> str:
    """Return the name under which the hub records the group: VPC and access profile."""
    return f"{task.host.vpc}#{access_of(task).profile}"


def access_of(task: Task) -> Access:
    """Return what policy allows investigators."""
    return Access.from_options(task.options)


def planned(task: Task) -> tuple[PlannedCall, ...]:
    """Return the calls that making the group takes."""
    calls = [PlannedCall("isolate", "CreateSecurityGroup", _parameters(task, _name(task)))]
    permissions = access_of(task).permissions()
    if permissions:
        ingress = {"GroupId": NEW_GROUP, "IpPermissions": permissions}
        calls.append(PlannedCall("isolate", "AuthorizeSecurityGroupIngress", ingress))
    rules = ["(every rule that the group is made with)"]
    egress = {"GroupId": NEW_GROUP, "SecurityGroupRuleIds": rules}
    calls.append(PlannedCall("isolate", "RevokeSecurityGroupEgress", egress))
    return tuple(calls)


def ensure(task: Task) -> Prepared | Part:
    """Return a group to put on, or the part that failed; raise GroupError or what AWS raises when there is none."""
    group = trusted(task)
    if group is not None:
        return Prepared(group)
    if isinstance(task.observed, Exception):
        raise GroupError(f"the recorded groups could not be read: {errors.message(task.observed)}") from task.observed
    if task.resumed:
        for found in _made_by_incident(task, f"{_name(task)}*"):
            if _only_ours(task, found):
                return _furnish(task, str(found["GroupId"]), fresh=False)
    return _make(task)


def _make(task: Task) -> Prepared | Part:
    made = _create(task, _name(task))
    if made is None:
        # The name is taken: by a group of ours that was recorded meanwhile, or by anyone. Only the record tells.
        recorded = task.member.records.group(task.member.target, record_name(task))
        if recorded is not None and recorded != task.member.groups.get(record_name(task)):
            group = _read(task, recorded)
            if group is not None and _as_it_should_be(task, group):
                return Prepared(recorded)
        own_name = f"{_name(task)}-{task.member.incident}"
        # Whoever spoilt the group that this incident made knows that name too, but never the next one.
        made = _create(task, own_name) or _create(task, f"{own_name}-{new_token()}")
    if made is None:
        raise GroupError("every name for a quarantine group is taken")
    return _furnish(task, made, fresh=True)


def _create(task: Task, name: str) -> str | None:
    """Return the id of the new group, or None where the name is taken."""
    ec2 = task.member.ec2

    def look_up() -> str | None:
        return next((str(group["GroupId"]) for group in _made_by_incident(task, name)), None)

    try:
        return make_once(
            lambda: str(ec2.create_security_group(**_parameters(task, name))["GroupId"]), look_up, task.member.clock
        )
    except ClientError as error:
        if errors.code(error) == _DUPLICATE_NAME:
            return None
        raise


def _furnish(task: Task, group: str, *, fresh: bool) -> Prepared | Part:
    """Give a group that nobody wears yet its rules: the investigators' way in, and nothing out.

    The rules that it was made with are revoked by the ids that are really there; any other unexpected rule means that
    somebody else is at work, and the group is not used.
    """
    pool = task.member.pool
    reading = pool.start(partial(_outward_rules, task, group))
    access = _let_in(task, group, fresh=fresh)
    outward = reading.result()
    shut, record = pool.all(
        [
            partial(_shut, task, group, outward),
            partial(_record, task, group, right=access.outcome is StepOutcome.DONE),
        ]
    )
    if shut.outcome is not StepOutcome.DONE:
        return shut
    return Prepared(group, tuple(part for part in (access, record) if part.outcome is not StepOutcome.DONE))


def _outward_rules(task: Task, group: str) -> list[str]:
    """Return the ids of the egress rules that a group was made with; raise GroupError for any other egress rule."""
    answer = task.member.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    outward = [rule for rule in answer["SecurityGroupRules"] if rule.get("IsEgress")]
    for rule in outward:
        if (rule.get("CidrIpv4") or rule.get("CidrIpv6")) not in _EVERYWHERE:
            raise GroupError(f"{group} has a rule that Cordon did not make: {rule.get('SecurityGroupRuleId')}")
    return [rule["SecurityGroupRuleId"] for rule in outward]


def _let_in(task: Task, group: str, *, fresh: bool) -> Part:
    permissions = access_of(task).permissions()
    if not permissions or (not fresh and _has_access(task, group)):
        return Part(ACCESS_PART, StepOutcome.DONE)
    ec2 = task.member.ec2
    part = attempt(ACCESS_PART, lambda: ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions))
    return Part(ACCESS_PART, StepOutcome.DONE) if part.error == _DUPLICATE_RULE else part


def _shut(task: Task, group: str, rules: list[str]) -> Part:
    if not rules:
        return Part(group, StepOutcome.DONE)
    ec2 = task.member.ec2
    part = attempt(group, lambda: ec2.revoke_security_group_egress(GroupId=group, SecurityGroupRuleIds=rules))
    return Part(group, StepOutcome.DONE) if part.error in _RULE_GONE else part


def _record(task: Task, group: str, *, right: bool) -> Part:
    """Record the group for later incidents, unless it isn't as it should be: then it serves this one alone."""
    if not right:
        return Part(RECORD_PART, StepOutcome.DONE)
    member, name = task.member, record_name(task)
    return attempt(RECORD_PART, lambda: member.records.record_group(member.target, name, group))


def _has_access(task: Task, group: str) -> bool:
    found = _read(task, group)
    return found is not None and access_of(task).rules <= rules_of(found)


def _made_by_incident(task: Task, name: str) -> list[Mapping[str, Any]]:
    """Return the groups that an earlier attempt of this incident made under a name, in which ``*`` is any text.

    The tag alone could be on anyone's group, production's too; but a group's name can't be changed once it is made.
    """
    member = task.member
    answer = member.ec2.describe_security_groups(
        Filters=[
            {"Name": f"tag:{member.incident_tag}", "Values": [member.incident]},
            {"Name": "vpc-id", "Values": [str(task.host.vpc)]},
            {"Name": "group-name", "Values": [name]},
        ]
    )
    return [group for group in answer["SecurityGroups"] if group.get("OwnerId") == member.target.account]


def _read(task: Task, group: str) -> Mapping[str, Any] | None:
    filters = [{"Name": "group-id", "Values": [group]}]
    groups = task.member.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    return groups[0] if groups else None


def _only_ours(task: Task, group: Mapping[str, Any]) -> bool:
    """Tell whether a half-made group has no rule but those that it was made with and those that it should have."""
    allowed = access_of(task).rules
    return all(rule in allowed or (rule.egress and rule.source in _EVERYWHERE) for rule in rules_of(group))


def _as_it_should_be(task: Task, group: Mapping[str, Any]) -> bool:
    return (
        group.get("VpcId") == task.host.vpc
        and group.get("OwnerId") == task.member.target.account
        and rules_of(group) == access_of(task).rules
    )


def _name(task: Task) -> str:
    return f"{task.member.qualifier}-quarantine-{access_of(task).profile}"


def _parameters(task: Task, name: str) -> dict[str, Any]:
    tags = {
        "Name": name,
        STATUS_TAG: STATUS_VALUE,
        f"{task.member.qualifier}:quarantine": access_of(task).profile,
        task.member.incident_tag: task.member.incident,
    }
    return {
        "GroupName": name,
        "Description": "Cordon: hosts under investigation. Rules are checked, never add any.",
        "VpcId": str(task.host.vpc),
        "TagSpecifications": [
            {"ResourceType": "security-group", "Tags": [{"Key": key, "Value": tags[key]} for key in tags]}
        ],
    }
