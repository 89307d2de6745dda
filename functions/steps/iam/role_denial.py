# SPDX-License-Identifier: Apache-2.0
"""Deny the host's role for this host alone: a policy that the member stack ships, and a tag that names the host.

Credentials that EC2 delivers to an instance carry its ARN wherever they are used, and the shipped policy denies those
whose ARN one of the role's tags names. Hosts share roles: each has a slot, a number of those tags, and the policy stays
attached until the last of them is released. Neither touches the role's other hosts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

from functions import names
from functions.aws import errors
from functions.grants import Conditions, Grant
from functions.incident.model import ItemOutcome, PlannedCall, StepOutcome
from functions.incident.shared_resources import ResourceBusyError, SharedUse
from functions.policy.decide import is_eks_node
from functions.steps.host import Host
from functions.steps.iam.denied_role import (
    NAME,
    SLOTS,
    DenialTask,
    KeptRole,
    Receipt,
    Result,
    RoleOriginal,
    RolesObserved,
    Section,
    policy_arn,
    policy_item,
    resource_of,
    slot_keys,
    tags_item,
)
from functions.steps.iam.iam_reading import INSTANCE_ROLE_GRANT, ROLE_GRANTS, RoleFacts, gone, instance_role, role_facts
from functions.steps.iam.role_return import revert, unfit
from functions.steps.risk import ROLE_CREDENTIALS, Aftermath, Risk
from functions.steps.shared import acquire, not_acquired
from functions.steps.step import Member, Step, StepError, conclude, failed_item, read_back, try_call

SLOTS_USED = "RoleSlotsUsed"
WAY_IN_DENIED = "WayInDenied"
KEPT = "policy keeps the host's role"
WAY_IN = ("ec2messages:*", "ssm:*", "ssmmessages:*")
"""What the investigators' way in by Systems Manager needs of the host itself."""

_KEYS = tuple(tag("{qualifier}", slot) for slot in SLOTS for tag in (names.denied_tag, names.denied_way_in_tag))
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

CHAINED = Risk(
    "chained-sessions",
    "sessions of other roles that were opened with the host's credentials are not covered by a denial of its role",
)
PODS = Risk("pod-identities", "the host is a Kubernetes node: its pods may hold credentials of roles of their own")


class SlotsUsedError(StepError):
    """Every tag of the role that the denial policy looks at is taken."""

    code = SLOTS_USED


def observe_with_host(task: DenialTask) -> RolesObserved:
    """Find the host's role and read it, and those that the baseline has from earlier attempts."""
    if task.options.get("role", "deny") == "keep":
        return RolesObserved(why=KEPT)
    own = instance_role(task.member, task.host)
    wanted = dict.fromkeys([*task.section.get("roles", {}), *([own.name] if own.name else [])])
    return RolesObserved(_read(task.member, wanted), own.why)


def baseline(_host: Host, observation: Future[RolesObserved]) -> Section:
    """Keep each role's tags, and whether the policy was attached to it already; one that is gone is left out."""
    return {"roles": _kept(observation.result().roles)}


def extend_baseline(_host: Host, observation: Future[RolesObserved], section: Section) -> tuple[str, Section] | None:
    """Keep the same of a role that the host has only now."""
    observed = observation.result()
    kept = _kept({role: facts for role, facts in observed.roles.items() if role not in section["roles"]})
    return (next(iter(kept)), {"roles": kept}) if kept else None


def plan(task: DenialTask) -> tuple[PlannedCall, ...]:
    """Return the two calls; the role is found when the host is contained."""
    if task.host.profile is None or task.options.get("role", "deny") == "keep":
        return ()
    role = f"role of {task.host.profile.rpartition('/')[2]}"
    return (
        PlannedCall(NAME, "TagRole", {"RoleName": role, "Tags": _tags(task, 1)}, "iam"),
        PlannedCall(NAME, "AttachRolePolicy", {"RoleName": role, "PolicyArn": policy_arn(task.member)}, "iam"),
    )


def apply(task: DenialTask, _prepared: None) -> Result:
    """Take a slot of each role, tag it and attach the policy; every call can be repeated."""
    observed = task.observed
    denied = task.member.pool.all([partial(_deny, task, role, facts) for role, facts in observed.roles.items()])
    slots = {role: slot for role, (slot, _) in zip(observed.roles, denied, strict=True) if slot}
    items = [item for _, made in denied for item in made]
    receipt: Receipt = {"slots": slots, "roleless": not observed.roles and observed.why != KEPT}
    return conclude(NAME, items, receipt, nothing=observed.why)


def verify(task: DenialTask, result: Result) -> Result:
    """Read tags and policy back; what isn't there fails its item."""
    slots: Mapping[str, int] = result.receipt.get("slots", {})
    done = {item.what for item in result.items if item.outcome is StepOutcome.DONE}

    def wrong() -> list[ItemOutcome]:
        found = _read(task.member, slots)
        not_so = [item for role, slot in slots.items() for item in _not_so(task, role, slot, found[role])]
        return [item for item in not_so if item.what in done]

    return read_back(task, result, wrong) if slots and done else result


def leaves(aftermath: Aftermath[Receipt]) -> Iterator[Risk]:
    """Name whose credentials are out.

    Where credentials are known to have left, those of a role that was taken out of the profile since live on too.
    """
    receipt: Receipt = aftermath.result.receipt if aftermath.result is not None else {}
    roleless = "roleless" in receipt and receipt["roleless"]
    channel = ROLE_CREDENTIALS.channel
    left = channel is not None and any(channel.types.fullmatch(each) for each in aftermath.types)
    if left or (aftermath.host.profile is not None and not roleless):
        yield from (ROLE_CREDENTIALS, CHAINED)
    if is_eks_node(aftermath.host.tags):
        yield PODS


def answers(aftermath: Aftermath[Receipt]) -> Iterator[Risk]:
    """Name the role's credentials where the role is denied for this host.

    Less than a denial does not take them away: a host whose sessions are revoked gets new ones, and a host whose
    profile is swapped keeps those that it got before.
    """
    if aftermath.whole:
        yield ROLE_CREDENTIALS


def _read(member: Member, roles: Iterable[str]) -> dict[str, Future[RoleFacts]]:
    """Read these roles side by side; return when all reads have ended."""
    iam, pool = member.client("iam"), member.pool
    found = {role: pool.start(partial(role_facts, iam, pool, role)) for role in roles}
    for facts in found.values():
        facts.exception()
    return found


def _kept(roles: Mapping[str, Future[RoleFacts]]) -> dict[str, KeptRole]:
    """Return what the baseline keeps of these roles; raise what kept one that is not gone from being read."""
    kept: dict[str, KeptRole] = {}
    for role, read in roles.items():
        try:
            facts = read.result()
        except errors.AwsError as error:
            if not gone(error):
                raise
        else:
            kept[role] = {"tags": dict(facts.tags), "attached": sorted(facts.attached)}
    return kept


def _exempt(task: DenialTask) -> bool:
    """Tell whether policy leaves Systems Manager open as the investigators' way in."""
    return bool(task.options.get("ssm", "deny") == "exempt")


def _tags(task: DenialTask, slot: int) -> list[dict[str, str]]:
    """Return the tags to write: the second denies Systems Manager too, unless it is the investigators' way in."""
    keys = slot_keys(task, slot)[:1] if _exempt(task) else slot_keys(task, slot)
    return [{"Key": key, "Value": task.member.target.arn} for key in keys]


def _deny(task: DenialTask, role: str, read: Future[RoleFacts]) -> tuple[int | None, list[ItemOutcome]]:
    """Deny one role; return the slot that was taken, if one was, and the items."""
    try:
        facts = read.result()
    except errors.AwsError as error:
        return None, [_lost(role, error)]
    taken = _acquire_slot(task, role, facts)
    if isinstance(taken, ItemOutcome):
        return None, [taken]
    slot, iam = int(taken.share), task.member.client("iam")
    items = task.member.pool.all(
        [
            partial(try_call, tags_item(role), partial(iam.tag_role, RoleName=role, Tags=_tags(task, slot))),
            partial(
                try_call,
                policy_item(role),
                partial(iam.attach_role_policy, RoleName=role, PolicyArn=policy_arn(task.member)),
            ),
        ]
    )
    return slot, [*items, *_way_in_denied(task, role, facts)]


def _way_in_denied(task: DenialTask, role: str, facts: RoleFacts) -> list[ItemOutcome]:
    """Name the tags by which earlier attempts deny the way in that policy leaves open by now; only people open it."""
    keys = [names.denied_way_in_tag(task.member.qualifier, slot) for slot in SLOTS]
    stale = [key for key in keys if facts.tags.get(key) == task.member.target.arn]
    if not _exempt(task) or not stale:
        return []
    reason = (
        f"denied by tag {', '.join(stale)} of an earlier attempt, and containment takes no denial back: take the tag "
        "away to let investigators in"
    )
    return [ItemOutcome(f"{role}: way in by Systems Manager", StepOutcome.FAILED, reason, WAY_IN_DENIED)]


def _acquire_slot(task: DenialTask, role: str, facts: RoleFacts) -> SharedUse | ItemOutcome:
    """Take a slot of the role that no other incident has, or return why there is none."""

    def read_again() -> RoleOriginal:
        now = role_facts(task.member.client("iam"), task.member.pool, role)
        return {"attached": policy_arn(task.member) in now.attached}

    known: RoleOriginal = {} if policy_arn(task.member) in facts.attached else {"attached": False}
    try:
        return acquire(
            task.member,
            resource_of(role),
            known,
            lambda others: _choose(task, facts, others),
            lacks=lambda original: "attached" not in original,
            read_again=read_again,
        )
    except SlotsUsedError as error:
        return _slots_used(task, role, error)
    except (ResourceBusyError, *errors.AwsError) as error:
        return not_acquired(f"{role}: a slot", error)


def _choose(task: DenialTask, facts: RoleFacts, others: Mapping[str, Any]) -> int:
    """Return a slot that no other incident has, and whose tags have no other value than this host."""
    mine = task.member.target.arn
    for slot in SLOTS:
        if slot not in others.values() and all(facts.tags.get(key, mine) == mine for key in slot_keys(task, slot)):
            return slot
    raise SlotsUsedError(f"the role's {names.DENIED_TAGS} tags that deny one host each are taken")


def _slots_used(task: DenialTask, role: str, error: SlotsUsedError) -> ItemOutcome:
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


def _not_so(task: DenialTask, role: str, slot: int, read: Future[RoleFacts]) -> list[ItemOutcome]:
    try:
        facts = read.result()
    except errors.AwsError as error:
        return [failed_item(what, error) for what in (tags_item(role), policy_item(role))]
    wrong = []
    if any(facts.tags.get(tag["Key"]) != tag["Value"] for tag in _tags(task, slot)):
        wrong.append(tags_item(role))
    if policy_arn(task.member) not in facts.attached:
        wrong.append(policy_item(role))
    return [
        ItemOutcome(what, StepOutcome.FAILED, "not there when read back", "NotInEffect", transient=True)
        for what in wrong
    ]


STEP = Step(
    name=NAME,
    grants=GRANTS,
    release_grants=RELEASE_GRANTS,
    services=("iam",),
    observe_with_host=observe_with_host,
    baseline=baseline,
    extend_baseline=extend_baseline,
    plan=plan,
    apply=apply,
    verify=verify,
    revert=revert,
    risks=(ROLE_CREDENTIALS, CHAINED, PODS),
    outlives_host=True,
    unfit=unfit,
    leaves=leaves,
    answers=answers,
)
