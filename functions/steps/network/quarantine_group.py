# SPDX-License-Identifier: Apache-2.0
"""The quarantine group: found by the id that the hub recorded, or made.

Names and tags prove nothing: a member could squat the name, or tag production's group as ours. So a group is trusted
when the hub's own record holds its id, and its rules are read each time. It is recorded once it was read back as
right. A group with other rules, or one that an interface outside any incident wears, is never repaired: another is
made, with the incident in its name, and the oddity is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from functions.aws import errors
from functions.aws.once import make_once
from functions.grants import MADE_BY_SESSION, OF_SESSION, Grant, reads, tagged_when_made
from functions.incident.model import ItemOutcome, PlannedCall, StepOutcome
from functions.names import INCIDENT_PATTERN, STATUS_TAG, STATUS_VALUE
from functions.steps.network.access import Access, rules_of
from functions.steps.network.group_rules import ACCESS_ITEM, EVERYWHERE, GroupError, let_in, outward_rules, shut
from functions.steps.network.wearers import Wearer, others, outside_incidents, wearers_of, worn_by_others
from functions.steps.reading import every, filtered
from functions.steps.step import ItemError, Member, StepError, Task, try_call

_ITS_OWN = (
    "The group is made within the session that shapes it (or a further try's), so its id is not known beforehand."
)
GRANTS = (
    *(
        grant
        for action in ("ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress")
        for grant in (
            Grant(action, "security-group", _ITS_OWN, OF_SESSION),
            Grant(
                action,
                "security-group-rule",
                "A rule has neither id nor tags before it is made: the grant on its group is what narrows it.",
            ),
        )
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
    *reads("ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups"),
    Grant("ec2:RevokeSecurityGroupEgress", "security-group", _ITS_OWN, OF_SESSION),
)
GROUP_ITEM = "quarantine group"
RECORD_ITEM = "the hub's record of the group"
NEW_GROUP = "(the new quarantine group)"
_DUPLICATE_NAME = "InvalidGroup.Duplicate"
_UNKNOWN = "WearersUnknown"
_NAMED = 5
"""How many strangers are named; the reason is read by people."""


@dataclass(frozen=True, slots=True)
class GroupToPutOn:
    """The group to put on, and what is to be told beside: no way in for investigators, a group passed over."""

    group: str
    gaps: tuple[ItemOutcome, ...] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recorded groups that exist, by id, with their rules; and the interfaces that wear them, read beside."""

    groups: Mapping[str, Mapping[str, Any]]
    wearers: Future[tuple[Wearer, ...]]


GroupTask = Task[Recorded, Any, Any]
"""The task of the step that isolates, as far as the group goes."""


def read_recorded(member: Member) -> Recorded:
    """Read the recorded groups, and beside that who wears them. Raises what reading the groups raises."""
    recorded = sorted(set(member.groups.values()))
    if not recorded:
        nothing: Future[tuple[Wearer, ...]] = member.pool.promise()
        nothing.set_result(())
        return Recorded({}, nothing)
    reading = member.pool.start(partial(wearers_of, member, recorded))
    try:
        found = filtered(member.pool, member.ec2.describe_security_groups, "SecurityGroups", "group-id", recorded)
    finally:
        reading.exception()
    return Recorded({group["GroupId"]: group for group in found}, reading)


def trusted(task: GroupTask) -> str | None:
    """Return the recorded group for the host's VPC and access, if it is exactly as it should be and can be put on."""
    group = task.member.groups.get(record_name(task))
    recorded = _recorded(task)
    if group is None or recorded is None or group not in recorded.groups:
        return None
    return group if _flaw(task, recorded.groups[group]) is None else None


def _recorded(task: GroupTask) -> Recorded | None:
    """Return the recorded groups, or None where they could not be read."""
    try:
        return task.observed
    except errors.AwsError:
        return None


def record_name(task: GroupTask) -> str:
    """Return the name under which the hub records the group: VPC and access profile."""
    return f"{task.host.vpc}#{access_of(task).profile}"


def access_of(task: GroupTask) -> Access:
    """Return what policy allows investigators."""
    return Access.from_options(task.options)


def planned(task: GroupTask) -> tuple[PlannedCall, ...]:
    """Return the calls that making the group takes."""
    calls = [PlannedCall("isolate", "CreateSecurityGroup", _parameters(task, _name(task)))]
    access = access_of(task)
    for direction, permissions in (("Ingress", access.permissions()), ("Egress", access.outward_permissions())):
        if permissions:
            rules = {"GroupId": NEW_GROUP, "IpPermissions": permissions}
            calls.append(PlannedCall("isolate", f"AuthorizeSecurityGroup{direction}", rules))
    egress = {"GroupId": NEW_GROUP, "SecurityGroupRuleIds": ["(every rule that the group is made with)"]}
    calls.append(PlannedCall("isolate", "RevokeSecurityGroupEgress", egress))
    return tuple(calls)


def ensure(task: GroupTask) -> GroupToPutOn:
    """Return a group to put on. Raises GroupError, ItemError, or what AWS raises, where there is none."""
    group = trusted(task)
    oddity = _oddity(task) if group is None else _strangers(task, group)
    if group is not None and (oddity is None or oddity.error == _UNKNOWN):
        # Who else wears it can't be known just now: its rules are right, and the host must not stay open for that.
        return GroupToPutOn(group, (oddity,) if oddity is not None else ())
    try:
        task.observed  # noqa: B018 — raises where the recorded groups could not be read
    except errors.AwsError as error:
        text = f"the recorded groups could not be read: {errors.message(error)}"
        raise GroupError(text, transient=errors.transient(error)) from error
    try:
        made = _another(task)
    except (StepError, *errors.AwsError) as error:
        if group is None or oddity is None:
            raise
        # Its rules are right, whoever wears it beside: better than to leave the host open.
        refused = error.item.reason if isinstance(error, ItemError) else errors.message(error)
        why = f"{oddity.reason}; it was put on all the same, since no other could be made ({refused})"
        return GroupToPutOn(group, (replace(oddity, reason=why),))
    if oddity is None:
        return made
    used_instead = f"{oddity.reason}; {made.group} is used instead"
    return replace(made, gaps=(*made.gaps, replace(oddity, reason=used_instead)))


def _another(task: GroupTask) -> GroupToPutOn:
    if task.resumed:
        made = _made_by_incident(task, _name(task), _own_name(task))
        if made is not None:
            return _furnish(task, made, fresh=False)
    return _make(task)


def _oddity(task: GroupTask) -> ItemOutcome | None:
    """Return what is wrong with the recorded group for the host's VPC and access, or None where there is none."""
    group = task.member.groups.get(record_name(task))
    recorded = _recorded(task)
    if group is None or recorded is None:
        return None
    found = recorded.groups.get(group)
    reason = f"{group}, which was recorded, {'is gone' if found is None else _flaw(task, found)}"
    return ItemOutcome(GROUP_ITEM, StepOutcome.SKIPPED, reason, "GroupNotTrusted")


def _flaw(task: GroupTask, found: Mapping[str, Any]) -> str | None:
    """Return why a group that is recorded is not put on, or None."""
    if not as_it_should_be(task, found):
        return "is not as it should be: another VPC, or rules that somebody else made or took away"
    return None if can_be_put_on(task, found) else "has lost its tags, without which it can't be put on"


def _strangers(task: GroupTask, group: str) -> ItemOutcome | None:
    """Return who wears a group although no incident has it, or None; and an item of its own where that isn't known."""
    recorded = _recorded(task)
    try:
        worn = recorded.wearers.result() if recorded is not None else ()
        strangers = outside_incidents(task, [each for each in others(task, worn) if group in each.groups])
    except Exception as error:  # noqa: BLE001 — what can't be known of others must not keep the host open
        return _unknown_wearers(group, error)
    if not strangers:
        return None
    listed = ", ".join(f"{each.interface} of {each.instance or 'no instance'}" for each in strangers[:_NAMED])
    more = f" and {len(strangers) - _NAMED} more" if len(strangers) > _NAMED else ""
    reason = f"{group} is worn outside any incident, by {listed}{more}"
    return ItemOutcome(GROUP_ITEM, StepOutcome.SKIPPED, reason, "GroupNotTrusted")


def _unknown_wearers(group: str, error: BaseException) -> ItemOutcome:
    reason = f"whether {group} is worn outside any incident could not be read: {errors.message(error)}"
    return ItemOutcome(GROUP_ITEM, StepOutcome.SKIPPED, reason, _UNKNOWN)


def _make(task: GroupTask) -> GroupToPutOn:
    # Where the recorded group has the usual name, there is no use in asking for it again.
    made = None if _name(task) in _names_of_recorded(task) else _create(task, _name(task))
    if made is None:
        # The name is taken: by a group of ours that was recorded meanwhile, or by anyone. Only the record tells.
        recorded = task.member.records.group(task.member.target, record_name(task))
        if recorded is not None and recorded != task.member.groups.get(record_name(task)):
            group = read(task, recorded)
            if group is not None and _flaw(task, group) is None:
                return GroupToPutOn(recorded)
        own_name = _own_name(task)
        # Whoever spoilt the group that this incident made knows that name too, but never the next one.
        made = _create(task, own_name) or _create(task, f"{own_name}-{task.member.runtime.token()}")
    if made is None:
        raise GroupError("every name for a quarantine group is taken")
    return _furnish(task, made, fresh=True)


def _names_of_recorded(task: GroupTask) -> set[str]:
    recorded = _recorded(task)
    groups = recorded.groups.values() if recorded is not None else ()
    return {str(each.get("GroupName")) for each in groups if each.get("VpcId") == task.host.vpc}


def _create(task: GroupTask, name: str) -> str | None:
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


def _furnish(task: GroupTask, group: str, *, fresh: bool) -> GroupToPutOn:
    """Give a group that this incident made, and that no other host wears, its rules; return it once it is shut.

    The rules that it was made with are revoked by the ids that are really there; any other unexpected rule means that
    somebody else is at work, and the group is not used. Raises GroupError, and what AWS raises.
    """
    member, access = task.member, access_of(task)
    reading = member.pool.start(partial(outward_rules, member, group, access, fresh=fresh))
    let = ItemOutcome(ACCESS_ITEM, StepOutcome.DONE)
    if fresh or not _has_access(task, group):
        let = let_in(member, group, access)
    rules = reading.result()
    shutting = partial(shut, member, group, rules, ipv6=any(each.ipv6 for each in task.host.interfaces))
    closed, noted = member.pool.all([shutting, partial(_note_made, task, group)])
    if closed.outcome is not StepOutcome.DONE:
        raise ItemError(closed)
    return GroupToPutOn(group, tuple(item for item in (let, noted) if item.outcome is not StepOutcome.DONE))


def _note_made(task: GroupTask, group: str) -> ItemOutcome:
    member = task.member
    return try_call(RECORD_ITEM, lambda: member.records.note_made(member.target, group))


def record(task: GroupTask, group: str) -> ItemOutcome:
    """Record a group that was read back as right for later incidents, unless the record has it already."""
    member, name = task.member, record_name(task)
    if member.groups.get(name) == group:
        return ItemOutcome(RECORD_ITEM, StepOutcome.DONE)
    return try_call(RECORD_ITEM, lambda: member.records.record_group(member.target, name, group))


def _has_access(task: GroupTask, group: str) -> bool:
    found = read(task, group)
    return found is not None and access_of(task).rules <= rules_of(found)


def _made_by_incident(task: GroupTask, *names: str) -> str | None:
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
    return next((group for group in ours if not worn_by_others(task, group)), None)


def read(task: GroupTask, group: str) -> Mapping[str, Any] | None:
    """Return a group as it is now, or None where there is none (yet, or any more)."""
    ec2 = task.member.ec2
    found = every(ec2.describe_security_groups, "SecurityGroups", Filters=[{"Name": "group-id", "Values": [group]}])
    return found[0] if found else None


def as_it_should_be(task: GroupTask, group: Mapping[str, Any]) -> bool:
    """Tell whether a group is of the host's VPC and account and has the rules of its profile, these and no other."""
    return (
        group.get("VpcId") == task.host.vpc
        and group.get("OwnerId") == task.member.target.account
        and rules_of(group) == access_of(task).rules
    )


def can_be_put_on(task: GroupTask, group: Mapping[str, Any]) -> bool:
    """Tell whether a group still has the tags without which IAM lets the contain role put it on nothing.

    Whoever takes them away would otherwise keep every later host from being isolated: this way another is made.
    """
    tags = {tag["Key"]: tag["Value"] for tag in group.get("Tags", [])}
    incident = tags.get(task.member.incident_tag, "")
    return tags.get(STATUS_TAG) == STATUS_VALUE and fnmatchcase(incident, INCIDENT_PATTERN)


def _only_ours(task: GroupTask, group: Mapping[str, Any]) -> bool:
    """Tell whether a half-made group has no rule but those that it was made with and those that it should have."""
    allowed = access_of(task).rules
    return all(rule in allowed or (rule.egress and rule.source in EVERYWHERE) for rule in rules_of(group))


def _name(task: GroupTask) -> str:
    return f"{task.member.qualifier}-quarantine-{access_of(task).profile}"


def _own_name(task: GroupTask) -> str:
    return f"{_name(task)}-{task.member.incident}"


def _parameters(task: GroupTask, name: str) -> dict[str, Any]:
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
