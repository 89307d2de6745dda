# SPDX-License-Identifier: Apache-2.0
"""Deny the host's role for this host alone: a policy that the member stack ships, and a tag that names the host.

Credentials that EC2 delivers to an instance carry its ARN wherever they are used, and the shipped policy denies those
whose ARN one of the role's tags names. Hosts share roles: each has a slot, a number of those tags, and the policy stays
attached until the last of them is released. Neither touches the role's other hosts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from functions import names
from functions.aws import errors
from functions.aws.command import aws_command
from functions.grants import Conditions, Grant
from functions.incident.model import ItemOutcome, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.incident.shared_resources import ResourceBusyError, SharedUse
from functions.steps.host import Host
from functions.steps.iam.iam_reading import INSTANCE_ROLE_GRANT, ROLE_GRANTS, RoleFacts, gone, instance_role, role_facts
from functions.steps.shared import acquire, not_acquired, release_shared, restore_unless_shared
from functions.steps.step import (
    Member,
    Section,
    Step,
    Task,
    UnobservedError,
    conclude,
    failed_item,
    read_back,
    restore,
    try_call,
)

NAME = "role_denial"
SLOTS_USED = "RoleSlotsUsed"
WAY_IN_DENIED = "WayInDenied"
KEPT = "policy keeps the host's role"
WAY_IN = ("ec2messages:*", "ssm:*", "ssmmessages:*")
"""What the investigators' way in by Systems Manager needs of the host itself."""

_SLOTS = range(1, names.DENIED_TAGS + 1)
_KEYS = tuple(tag("{qualifier}", slot) for slot in _SLOTS for tag in (names.denied_tag, names.denied_way_in_tag))
_TAGS_ALONE: Conditions = {"ForAllValues:StringEquals": {"aws:TagKeys": _KEYS}}
_DENIAL_ALONE: Conditions = {
    "ArnEquals": {
        "iam:PolicyARN": (
            names.iam_arn("${AWS::Partition}", "${AWS::AccountId}", "{qualifier}", "policy", "{qualifier}-denial"),
        )
    }
}
_ANY_ROLE = "Which role a host runs as is not known before it is looked at"
_TAGS_WHY = f"{_ANY_ROLE}; of its tags these alone can be written, and they do nothing but deny."
_POLICY_WHY = f"{_ANY_ROLE}; of all policies this alone, which allows nothing."
GRANTS = (
    INSTANCE_ROLE_GRANT,
    *ROLE_GRANTS,
    Grant("iam:TagRole", "role", _TAGS_WHY, _TAGS_ALONE),
    Grant("iam:AttachRolePolicy", "role", _POLICY_WHY, _DENIAL_ALONE),
)
RELEASE_GRANTS = (
    *ROLE_GRANTS,
    Grant("iam:UntagRole", "role", f"{_ANY_ROLE}; of its tags these alone can be taken away.", _TAGS_ALONE),
    Grant("iam:DetachRolePolicy", "role", f"{_ANY_ROLE}; of all policies this alone.", _DENIAL_ALONE),
)


class SlotsUsedError(Exception):
    """Every tag of the role that the denial policy looks at is taken."""

    code = SLOTS_USED


@dataclass(frozen=True, slots=True)
class RolesObserved:
    """The roles to deny: the host's own and those of earlier attempts. ``why`` says why there is none of its own."""

    roles: Mapping[str, RoleFacts | Exception] = field(default_factory=dict)
    why: str = ""


def observe_with_host(task: Task) -> RolesObserved | Exception:
    """Find the host's role and read it, and those that the baseline has from earlier attempts."""
    if task.options.get("role", "deny") == "keep":
        return RolesObserved(why=KEPT)
    try:
        own = instance_role(task.member, task.host)
    except UnobservedError as error:
        return error
    wanted = dict.fromkeys([*task.section.get("roles", {}), *([own.name] if own.name else [])])
    read = task.member.pool.all([partial(_facts, task, role) for role in wanted])
    return RolesObserved(dict(zip(wanted, read, strict=True)), own.why)


def baseline(host: Host, observed: Any) -> Section:
    """Keep each role's name, and whether the policy was attached to it already."""
    del host
    if isinstance(observed, Exception):
        raise observed
    kept = {}
    for role, facts in observed.roles.items():
        if isinstance(facts, Exception):
            if not gone(facts):
                raise UnobservedError(facts)
        else:
            kept[role] = {"tags": dict(facts.tags), "attached": sorted(facts.attached)}
    return {"roles": kept}


def extend_baseline(host: Host, observed: Any, section: Section) -> tuple[str, Section] | None:
    """Keep the same of a role that the host has only now."""
    if isinstance(observed, Exception):
        raise observed
    new = {role: facts for role, facts in observed.roles.items() if role not in section["roles"]}
    kept = baseline(host, RolesObserved(new))["roles"]
    return (next(iter(kept)), {"roles": kept}) if kept else None


def plan(task: Task) -> tuple[PlannedCall, ...]:
    """Return the two calls; the role is found when the host is contained."""
    if task.host.profile is None or task.options.get("role", "deny") == "keep":
        return ()
    role = f"role of {task.host.profile.rpartition('/')[2]}"
    return (
        PlannedCall(NAME, "TagRole", {"RoleName": role, "Tags": _tags(task, 1)}, "iam"),
        PlannedCall(NAME, "AttachRolePolicy", {"RoleName": role, "PolicyArn": _policy(task.member)}, "iam"),
    )


def apply(task: Task, prepared: Any) -> StepResult:
    """Take a slot of each role, tag it and attach the policy; every call can be repeated."""
    denied = task.member.pool.all([partial(_deny, task, role, facts) for role, facts in prepared.roles.items()])
    slots = {role: slot for role, (slot, _) in zip(prepared.roles, denied, strict=True) if slot}
    items = [item for _, made in denied for item in made]
    roleless = not prepared.roles and prepared.why != KEPT
    return conclude(NAME, items, {"slots": slots, "roleless": roleless}, nothing=prepared.why)


def verify(task: Task, result: StepResult) -> StepResult:
    """Read tags and policy back; what isn't there fails its item."""
    slots: Mapping[str, int] = result.receipt.get("slots", {})
    done = {item.what for item in result.items if item.outcome is StepOutcome.DONE}

    def wrong() -> list[ItemOutcome]:
        read = task.member.pool.all([partial(_facts, task, role) for role in slots])
        found = [
            item
            for (role, slot), facts in zip(slots.items(), read, strict=True)
            for item in _not_so(task, role, slot, facts)
        ]
        return [item for item in found if item.what in done]

    return read_back(task, result, wrong) if slots and done else result


def revert(task: Task, result: StepResult, now: Host) -> tuple[RestoredItem, ...]:
    """Take this host's tags away, and the policy where no other host needs it and it wasn't there before."""
    del now
    slots: Mapping[str, int] = result.receipt.get("slots", {})
    restored = task.member.pool.all([partial(_free, task, role, slots.get(role)) for role in task.section["roles"]])
    return tuple(item for items in restored for item in items)


def _facts(task: Task, role: str) -> RoleFacts | Exception:
    try:
        return role_facts(task.member.client("iam"), task.member.pool, role)
    except errors.AwsError as error:
        return error


def _policy(member: Member) -> str:
    target, name = member.target, names.member_policy(member.qualifier, "denial")
    return names.iam_arn(target.partition, target.account, member.qualifier, "policy", name)


def _resource(role: str) -> str:
    return f"role#{role}"


def _keys(task: Task, slot: int) -> tuple[str, str]:
    qualifier = task.member.qualifier
    return names.denied_tag(qualifier, slot), names.denied_way_in_tag(qualifier, slot)


def _exempt(task: Task) -> bool:
    """Tell whether policy leaves Systems Manager open as the investigators' way in."""
    return bool(task.options.get("ssm", "deny") == "exempt")


def _tags(task: Task, slot: int) -> list[dict[str, str]]:
    """Return the tags to write: the second denies Systems Manager too, unless it is the investigators' way in."""
    keys = _keys(task, slot)[:1] if _exempt(task) else _keys(task, slot)
    return [{"Key": key, "Value": task.member.target.arn} for key in keys]


def _deny(task: Task, role: str, facts: RoleFacts | Exception) -> tuple[int | None, list[ItemOutcome]]:
    """Deny one role; return the slot that was taken, if one was, and the items."""
    if isinstance(facts, Exception):
        return None, [_lost(role, facts)]
    taken = _acquire_slot(task, role, facts)
    if isinstance(taken, ItemOutcome):
        return None, [taken]
    slot, iam = int(taken.share), task.member.client("iam")
    items = task.member.pool.all(
        [
            partial(try_call, _tag_item(role), partial(iam.tag_role, RoleName=role, Tags=_tags(task, slot))),
            partial(
                try_call,
                _policy_item(role),
                partial(iam.attach_role_policy, RoleName=role, PolicyArn=_policy(task.member)),
            ),
        ]
    )
    return slot, [*items, *_way_in_denied(task, role, facts)]


def _way_in_denied(task: Task, role: str, facts: RoleFacts) -> list[ItemOutcome]:
    """Name the tags by which earlier attempts deny the way in that policy leaves open by now; only people open it."""
    keys = [names.denied_way_in_tag(task.member.qualifier, slot) for slot in _SLOTS]
    stale = [key for key in keys if facts.tags.get(key) == task.member.target.arn]
    if not _exempt(task) or not stale:
        return []
    reason = (
        f"denied by tag {', '.join(stale)} of an earlier attempt, and containment takes no denial back: take the tag "
        "away to let investigators in"
    )
    return [ItemOutcome(f"{role}: way in by Systems Manager", StepOutcome.FAILED, reason, WAY_IN_DENIED)]


def _acquire_slot(task: Task, role: str, facts: RoleFacts) -> SharedUse | ItemOutcome:
    """Take a slot of the role that nobody else has, or return why there is none."""

    def read_again() -> Mapping[str, Any]:
        now = role_facts(task.member.client("iam"), task.member.pool, role)
        return {"attached": _policy(task.member) in now.attached}

    attached = _policy(task.member) in facts.attached
    try:
        return acquire(
            task.member,
            _resource(role),
            {} if attached else {"attached": False},
            lambda others: _choose(task, facts, others),
            lacks=lambda original: "attached" not in original,
            read_again=read_again,
        )
    except SlotsUsedError as error:
        return _slots_used(task, role, error)
    except (ResourceBusyError, *errors.AwsError) as error:
        return not_acquired(f"{role}: a slot", error)


def _choose(task: Task, facts: RoleFacts, others: Mapping[str, Any]) -> int:
    """Return a slot that no other incident has and that carries nobody else's value."""
    mine = task.member.target.arn
    for slot in _SLOTS:
        if slot not in others.values() and all(facts.tags.get(key, mine) == mine for key in _keys(task, slot)):
            return slot
    raise SlotsUsedError(f"the role's {names.DENIED_TAGS} tags that deny one host each are taken")


def _slots_used(task: Task, role: str, error: SlotsUsedError) -> ItemOutcome:
    """Name the gap, or leave it to the inline denial where policy asks for that and the account has the role for it."""
    if task.options.get("inline"):
        try:
            task.member.enter(names.IDENTITY)
        except errors.AwsError as refused:
            reason = f"{error}, and the inline denial is out of reach: {errors.message(refused)}"
            return ItemOutcome(role, StepOutcome.FAILED, reason, SLOTS_USED, errors.transient(refused))
        return ItemOutcome(role, StepOutcome.SKIPPED, f"{error}: it is left to the inline denial")
    return ItemOutcome(role, StepOutcome.FAILED, str(error), SLOTS_USED)


def _lost(role: str, error: Exception) -> ItemOutcome:
    item = failed_item(role, error)
    if gone(error):
        return ItemOutcome(role, StepOutcome.FAILED, "the role no longer exists", item.error)
    return item


def _tag_item(role: str) -> str:
    return f"{role}: tags"


def _policy_item(role: str) -> str:
    return f"{role}: policy"


def _not_so(task: Task, role: str, slot: int, facts: RoleFacts | Exception) -> list[ItemOutcome]:
    if isinstance(facts, Exception):
        return [failed_item(what, facts) for what in (_tag_item(role), _policy_item(role))]
    wrong = []
    if any(facts.tags.get(tag["Key"]) != tag["Value"] for tag in _tags(task, slot)):
        wrong.append(_tag_item(role))
    if _policy(task.member) not in facts.attached:
        wrong.append(_policy_item(role))
    return [
        ItemOutcome(what, StepOutcome.FAILED, "not there when read back", "NotInEffect", transient=True)
        for what in wrong
    ]


def _free(task: Task, role: str, slot: int | None) -> list[RestoredItem]:
    """Free one role of this host, then of the policy where this host was the last."""
    member, facts = task.member, _facts(task, role)
    if isinstance(facts, Exception) and not gone(facts):
        return [RestoredItem(NAME, role, restored=False, reason=errors.message(facts), retry=True)]
    items = [] if isinstance(facts, Exception) else _untag(task, role, slot, facts)
    if any(item.retry for item in items):
        return items  # the tag is still there, so the slot stays this incident's
    return [*items, *release_shared(NAME, member, _resource(role), _policy_item(role), partial(_detach, member, role))]


def _untag(task: Task, role: str, slot: int | None, facts: RoleFacts) -> list[RestoredItem]:
    """Take away the tags that still name this host; one that names something else is left to whoever wrote it."""
    mine, every = task.member.target.arn, {key for each in _SLOTS for key in _keys(task, each)}
    ours = sorted(key for key in every if facts.tags.get(key) == mine)
    items = []
    for key in _keys(task, slot) if slot else ():
        if facts.tags.get(key, mine) != mine:
            reason = f"found as {facts.tags[key]!r}, which Cordon did not set"
            command = _command(task.member, "UntagRole", {"RoleName": role, "TagKeys": [key]})
            items.append(RestoredItem(NAME, f"{role}: {key}", restored=False, reason=reason, command=command))
    if ours:
        call = partial(task.member.client("iam").untag_role, RoleName=role, TagKeys=ours)
        items.append(restore(NAME, _tag_item(role), call))
    elif not items:
        items.append(RestoredItem(NAME, _tag_item(role), restored=True, reason="found as it was"))
    return items


def _detach(member: Member, role: str, original: Mapping[str, Any]) -> list[RestoredItem]:
    """Put the policy back as the first incident found it."""
    what, iam, policy = _policy_item(role), member.client("iam"), _policy(member)
    try:
        attached = policy in role_facts(iam, member.pool, role).attached
    except errors.AwsError as error:
        if gone(error):
            return [RestoredItem(NAME, role, restored=True, reason="the role no longer exists")]
        return [RestoredItem(NAME, what, restored=False, reason=errors.message(error), retry=True)]
    if attached and not original.get("attached"):
        detach = partial(iam.detach_role_policy, RoleName=role, PolicyArn=policy)
        return [restore_unless_shared(NAME, member, _resource(role), what, detach)]
    if not attached and original.get("attached"):
        command = _command(member, "AttachRolePolicy", {"RoleName": role, "PolicyArn": policy})
        reason = "it was attached before, and somebody else detached it"
        return [RestoredItem(NAME, what, restored=False, reason=reason, command=command)]
    return [RestoredItem(NAME, what, restored=True, reason="found as it was")]


def _command(member: Member, operation: str, parameters: Mapping[str, Any]) -> str:
    return aws_command("iam", operation, parameters, member.target.region)


STEP = Step(
    name=NAME,
    grants=GRANTS,
    release_grants=RELEASE_GRANTS,
    observe_with_host=observe_with_host,
    baseline=baseline,
    extend_baseline=extend_baseline,
    plan=plan,
    apply=apply,
    verify=verify,
    revert=revert,
)
