# SPDX-License-Identifier: Apache-2.0
"""The quarantine group: found by the id that the hub recorded, or made.

Names and tags prove nothing: a member could squat the name, or tag production's group as ours. So a group is trusted
when the hub's own record holds its id, and its rules are read each time. It is recorded once it was read back as
right. A group with other rules is never repaired: another is made, with the incident in its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from functions.aws import errors
from functions.aws.once import make_once
from functions.incident.ids import new_token
from functions.incident.model import Part, PlannedCall, StepOutcome
from functions.names import INCIDENT_PATTERN, STATUS_TAG, STATUS_VALUE
from functions.steps.access import Access, rules_of
from functions.steps.grant import MADE_BY_SESSION, OF_SESSION, Grant, reads, tagged_when_made
from functions.steps.group_rules import ACCESS_PART, EVERYWHERE, GroupError, let_in, outward_rules, shut
from functions.steps.reading import every, filtered
from functions.steps.step import Member, Task, attempt

_ITS_OWN = (
    "The group is made within the session that shapes it (or a further try's), so its id is not known beforehand."
)
GRANTS = (
    Grant("ec2:AuthorizeSecurityGroupIngress", "security-group", _ITS_OWN, OF_SESSION),
    Grant(
        "ec2:AuthorizeSecurityGroupIngress",
        "security-group-rule",
        "A rule has neither id nor tags before it is made: the grant on its group is what narrows it.",
    ),
    Grant(
        "ec2:CreateSecurityGroup",
        "security-group",
        "A group has no id before it is made; that it must carry the session's own incident is what holds it.",
        MADE_BY_SESSION,
    ),
    Grant(
        "ec2:CreateSecurityGroup",
        "vpc",
        "The host's VPC is not known when the session begins, and it may be another account's that is shared.",
        any_owner=True,
    ),
    tagged_when_made("security-group", "CreateSecurityGroup"),
    *reads("ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups"),
    Grant("ec2:RevokeSecurityGroupEgress", "security-group", _ITS_OWN, OF_SESSION),
)
RECORD_PART = "the hub's record of the group"
NEW_GROUP = "(the new quarantine group)"
_DUPLICATE_NAME = "InvalidGroup.Duplicate"


@dataclass(frozen=True, slots=True)
class Prepared:
    """The group to put on, and what went wrong beside: the investigators' way in."""

    group: str
    gaps: tuple[Part, ...] = ()


def read_recorded(member: Member) -> dict[str, Mapping[str, Any]]:
    """Return the recorded groups that exist, by id, with their rules."""
    recorded = sorted(set(member.groups.values()))
    if not recorded:
        return {}
    found = filtered(member.pool, member.ec2.describe_security_groups, "SecurityGroups", "group-id", recorded)
    return {group["GroupId"]: group for group in found}


def trusted(task: Task) -> str | None:
    """Return the recorded group for the host's VPC and access, if it is exactly as it should be and can be put on."""
    group = task.member.groups.get(record_name(task))
    if group is None or not isinstance(task.observed, Mapping) or group not in task.observed:
        return None
    found = task.observed[group]
    return group if as_it_should_be(task, found) and can_be_put_on(task, found) else None


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
        text = f"the recorded groups could not be read: {errors.message(task.observed)}"
        raise GroupError(text, transient=errors.transient(task.observed)) from task.observed
    if task.resumed:
        made = _made_by_incident(task, _name(task), _own_name(task))
        if made is not None:
            return _furnish(task, made, fresh=False)
    return _make(task)


def _make(task: Task) -> Prepared | Part:
    made = _create(task, _name(task))
    if made is None:
        # The name is taken: by a group of ours that was recorded meanwhile, or by anyone. Only the record tells.
        recorded = task.member.records.group(task.member.target, record_name(task))
        if recorded is not None and recorded != task.member.groups.get(record_name(task)):
            group = read(task, recorded)
            if group is not None and as_it_should_be(task, group) and can_be_put_on(task, group):
                return Prepared(recorded)
        own_name = _own_name(task)
        # Whoever spoilt the group that this incident made knows that name too, but never the next one.
        made = _create(task, own_name) or _create(task, f"{own_name}-{new_token()}")
    if made is None:
        raise GroupError("every name for a quarantine group is taken")
    return _furnish(task, made, fresh=True)


def _create(task: Task, name: str) -> str | None:
    """Return the id of the new group, or None where the name is taken."""
    ec2 = task.member.ec2
    try:
        return make_once(
            lambda: str(ec2.create_security_group(**_parameters(task, name))["GroupId"]),
            lambda: _made_by_incident(task, name),
            task.member.clock,
        )
    except ClientError as error:
        if errors.code(error) == _DUPLICATE_NAME:
            return None
        raise


def _furnish(task: Task, group: str, *, fresh: bool) -> Prepared | Part:
    """Give a group that this incident made, and that no other host wears, its rules; return it once it is shut.

    The rules that it was made with are revoked by the ids that are really there; any other unexpected rule means that
    somebody else is at work, and the group is not used. Raises GroupError, and what AWS raises.
    """
    member, access = task.member, access_of(task)
    reading = member.pool.start(partial(outward_rules, member, group, fresh=fresh))
    let = Part(ACCESS_PART, StepOutcome.DONE)
    if fresh or not _has_access(task, group):
        let = let_in(member, group, access)
    rules = reading.result()
    shutting = partial(shut, member, group, rules, ipv6=any(each.ipv6 for each in task.host.interfaces))
    closed, noted = member.pool.all([shutting, partial(_note_made, task, group)])
    if closed.outcome is not StepOutcome.DONE:
        return closed
    return Prepared(group, tuple(part for part in (let, noted) if part.outcome is not StepOutcome.DONE))


def _note_made(task: Task, group: str) -> Part:
    member = task.member
    return attempt(RECORD_PART, lambda: member.records.note_made(member.target, group))


def record(task: Task, group: str) -> Part:
    """Record a group that was read back as right for later incidents, unless the record has it already."""
    member, name = task.member, record_name(task)
    if member.groups.get(name) == group:
        return Part(RECORD_PART, StepOutcome.DONE)
    return attempt(RECORD_PART, lambda: member.records.record_group(member.target, name, group))


def _has_access(task: Task, group: str) -> bool:
    found = read(task, group)
    return found is not None and access_of(task).rules <= rules_of(found)


def _made_by_incident(task: Task, *names: str) -> str | None:
    """Return the group that an earlier try of this incident made under one of these names, if it is fit for use.

    The tag alone could be on anyone's group, production's too; but a group's name can't be changed once it is made. A
    group with a rule of somebody else's is passed over, and so is one that an interface of any other host wears: its
    rules are about to be changed.
    """
    member = task.member
    found = every(
        member.ec2.describe_security_groups,
        "SecurityGroups",
        Filters=[
            {"Name": f"tag:{member.incident_tag}", "Values": [member.incident]},
            {"Name": "vpc-id", "Values": [str(task.host.vpc)]},
            {"Name": "group-name", "Values": list(names)},
        ],
    )
    ours = [
        str(group["GroupId"])
        for group in found
        if group.get("OwnerId") == member.target.account and group.get("GroupName") in names and _only_ours(task, group)
    ]
    return next((group for group in ours if not _worn_by_others(task, group)), None)


def _worn_by_others(task: Task, group: str) -> bool:
    worn_by = every(
        task.member.ec2.describe_network_interfaces,
        "NetworkInterfaces",
        Filters=[{"Name": "group-id", "Values": [group]}],
    )
    own = {interface.id for interface in task.host.interfaces}
    return any(each["NetworkInterfaceId"] not in own for each in worn_by)


def read(task: Task, group: str) -> Mapping[str, Any] | None:
    """Return a group as it is now, or None where there is none (yet, or any more)."""
    ec2 = task.member.ec2
    found = every(ec2.describe_security_groups, "SecurityGroups", Filters=[{"Name": "group-id", "Values": [group]}])
    return found[0] if found else None


def as_it_should_be(task: Task, group: Mapping[str, Any]) -> bool:
    """Tell whether a group is of the host's VPC and account and has the rules of its profile, these and no other."""
    return (
        group.get("VpcId") == task.host.vpc
        and group.get("OwnerId") == task.member.target.account
        and rules_of(group) == access_of(task).rules
    )


def can_be_put_on(task: Task, group: Mapping[str, Any]) -> bool:
    """Tell whether a group still has the tags without which IAM lets the contain role put it on nothing.

    Whoever takes them away would otherwise keep every later host from being isolated: this way another is made.
    """
    tags = {tag["Key"]: tag["Value"] for tag in group.get("Tags", [])}
    incident = tags.get(task.member.incident_tag, "")
    return tags.get(STATUS_TAG) == STATUS_VALUE and fnmatchcase(incident, INCIDENT_PATTERN)


def _only_ours(task: Task, group: Mapping[str, Any]) -> bool:
    """Tell whether a half-made group has no rule but those that it was made with and those that it should have."""
    allowed = access_of(task).rules
    return all(rule in allowed or (rule.egress and rule.source in EVERYWHERE) for rule in rules_of(group))


def _name(task: Task) -> str:
    return f"{task.member.qualifier}-quarantine-{access_of(task).profile}"


def _own_name(task: Task) -> str:
    return f"{_name(task)}-{task.member.incident}"


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
