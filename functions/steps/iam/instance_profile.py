# SPDX-License-Identifier: Apache-2.0
"""Swap the host's instance profile for one whose role may do nothing, by the opt-in role.

The metadata service then gives out no further credentials of the host's own role; those given out live on for up to six
hours, so this adds to the denial of the role and never replaces it. No role of Cordon's may pass any role but the empty
one: whoever could put the host's own back could give a host any role of the account. So a release names the profile and
the command, and a person who may pass the role puts it back.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, TypedDict

from functions import names
from functions.aws import errors
from functions.aws.command import aws_command
from functions.context import MemberCredentials
from functions.grants import ONE_INSTANCE, Grant, reads
from functions.incident.model import ItemOutcome, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.steps.host import Host
from functions.steps.iam import denied_role, sessions
from functions.steps.iam.opt_in import enter, no_way_in, using
from functions.steps.reading import every, read_until
from functions.steps.step import Member, Options, Step, Task, conclude, failed_item, try_call

NAME = "instance_profile"
WHAT = "instance profile"

_ANOTHER = "found as "
"""How an item's reason begins where somebody put on a profile that is neither Cordon's nor the host's own."""
_NO_PROFILE = "the host has no instance profile"
_ASSOCIATED = ("associating", "associated")
_QUARANTINED = "{qualifier}/{qualifier}-quarantined"
GRANTS = reads("ec2:DescribeIamInstanceProfileAssociations")
IDENTITY_GRANTS = (
    Grant(
        "ec2:ReplaceIamInstanceProfileAssociation",
        "instance",
        ONE_INSTANCE,
        {
            "ArnEquals": {
                "ec2:NewInstanceProfile": (
                    names.iam_arn(
                        "${AWS::Partition}",
                        "${AWS::AccountId}",
                        "{qualifier}",
                        "instance-profile",
                        names.quarantined_role("{qualifier}"),
                    ),
                )
            }
        },
    ),
    Grant(
        "iam:PassRole",
        f"role/{_QUARANTINED}",
        "It names the one role that may do nothing; putting another back is for whoever may pass that one.",
        # the second in the partition aws-cn
        {"StringEquals": {"iam:PassedToService": ("ec2.amazonaws.com", "ec2.amazonaws.com.cn")}},
    ),
)


class Section(TypedDict):
    """The ARN of the profile that is going to be swapped; empty where none is."""

    profiles: list[str]


class Receipt(TypedDict, total=False):
    """Whether the profile was, or may have been, swapped."""

    swapped: bool


@dataclass(frozen=True, slots=True)
class Association:
    """Which profile the host has; both empty where it has none."""

    id: str = ""
    profile: str = ""


@dataclass(frozen=True, slots=True)
class ProfileObserved:
    """What the host has, and the way in, which a host without a profile needs none of."""

    association: Association
    quarantined: str
    way_in: Future[MemberCredentials] | None = None

    @property
    def swapped(self) -> bool:
        """Whether there is a profile to swap, and a way to."""
        other = self.association.profile not in ("", self.quarantined)
        return other and self.way_in is not None and self.way_in.exception() is None


ProfileTask = Task[ProfileObserved, Section, Receipt]
Result = StepResult[Receipt]


def observe_with_host(task: ProfileTask) -> ProfileObserved:
    """Read which profile the host has, and whether the account has the opt-in role."""
    if task.host.profile is None:
        return ProfileObserved(Association(), _quarantined(task.member))
    way_in = task.member.pool.start(partial(enter, task.member))
    try:
        found = _association(task.member)
    finally:
        way_in.exception()
    return ProfileObserved(found, _quarantined(task.member), way_in)


def baseline(_host: Host, observation: Future[ProfileObserved]) -> Section:
    """Keep the profile, where it is going to be swapped."""
    observed = observation.result()
    return {"profiles": [observed.association.profile] if observed.swapped else []}


def extend_baseline(host: Host, observation: Future[ProfileObserved], section: Section) -> tuple[str, Section] | None:
    """Keep the same of a host that had none, or that could not be reached, at first."""
    kept = baseline(host, observation)
    return (WHAT, kept) if kept["profiles"] and not section["profiles"] else None


def plan(task: ProfileTask) -> tuple[PlannedCall, ...]:
    """Return the one call; the association is found when the host is contained."""
    if task.host.profile is None:
        return ()
    parameters = _parameters(f"association of {task.host.id}", _quarantined(task.member))
    return (PlannedCall(NAME, "ReplaceIamInstanceProfileAssociation", parameters),)


def apply(task: ProfileTask, _prepared: None) -> Result:
    """Swap the profile."""
    observed = task.observed
    association, swapped = observed.association, Receipt(swapped=True)
    if not association.profile or observed.way_in is None:
        return conclude(NAME, [], Receipt(), nothing=_NO_PROFILE)
    try:
        way_in = observed.way_in.result()
    except errors.AwsError as error:
        return conclude(NAME, [no_way_in(WHAT, error)], Receipt())
    if association.profile == observed.quarantined:
        return conclude(NAME, [ItemOutcome(WHAT, StepOutcome.DONE)], swapped)
    swap = partial(
        task.member.ec2.replace_iam_instance_profile_association,
        **_parameters(association.id, observed.quarantined),
    )
    return conclude(NAME, [try_call(WHAT, partial(using, way_in, swap))], swapped)


def verify(task: ProfileTask, result: Result) -> Result:
    """Read the profile back."""
    if result.outcome is not StepOutcome.DONE or not result.items:
        return result
    wanted = _quarantined(task.member)
    try:
        found = read_until(task.member.clock, partial(_association, task.member), lambda each: each.profile == wanted)
    except errors.AwsError as error:
        return conclude(NAME, [failed_item(WHAT, error)], result.receipt)
    if found.profile == wanted:
        return result
    reason = f"read back as {found.profile or 'none'}"
    return conclude(
        NAME, [ItemOutcome(WHAT, StepOutcome.FAILED, reason, "NotInEffect", transient=True)], result.receipt
    )


def revert(task: ProfileTask, _result: Result, now: Host) -> tuple[RestoredItem, ...]:
    """Name the profile to put back, with the command: no role of Cordon's may pass the host's own role."""
    if not task.section["profiles"]:
        return ()
    before = task.section["profiles"][0]
    if now.profile == before:
        return (RestoredItem(NAME, WHAT, restored=True, reason="found as it was"),)
    try:
        found = _association(task.member)
    except errors.AwsError as error:
        return (RestoredItem(NAME, WHAT, restored=False, reason=errors.message(error), retry=True),)
    if not found.profile:
        parameters = {"InstanceId": now.id, "IamInstanceProfile": {"Arn": before}}
        command = aws_command("ec2", "AssociateIamInstanceProfile", parameters, task.member.target.region)
        reason = f"somebody else took the profile away; it was {before}"
        return (RestoredItem(NAME, WHAT, restored=False, reason=reason, command=command),)
    parameters = _parameters(found.id, before)
    command = aws_command("ec2", "ReplaceIamInstanceProfileAssociation", parameters, task.member.target.region)
    reason = f"it was {before}; putting it back takes the right to pass its role, which Cordon doesn't have"
    if found.profile != _quarantined(task.member):
        reason = f"{_ANOTHER}{found.profile}, which Cordon did not set; it was {before}"
    return (RestoredItem(NAME, WHAT, restored=False, reason=reason, command=command),)


def not_as_it_was(item: RestoredItem) -> bool:
    """Tell whether an item of a release leaves the host with Cordon's profile, with none, or with nobody knows which.

    A profile that somebody else chose is theirs to answer for.
    """
    return not item.restored and not item.reason.startswith(_ANOTHER)


def _on(options: Options) -> bool:
    return options.get("instance_profile") == "swap"


def _quarantined(member: Member) -> str:
    target, name = member.target, names.quarantined_role(member.qualifier)
    return names.iam_arn(target.partition, target.account, member.qualifier, "instance-profile", name)


def _parameters(association: str, profile: str) -> dict[str, Any]:
    return {"AssociationId": association, "IamInstanceProfile": {"Arn": profile}}


def _association(member: Member) -> Association:
    """Return the host's association; replacing one makes another, so it is looked up by the host."""
    found = every(
        member.ec2.describe_iam_instance_profile_associations,
        "IamInstanceProfileAssociations",
        Filters=[
            {"Name": "instance-id", "Values": [member.target.instance]},
            {"Name": "state", "Values": list(_ASSOCIATED)},
        ],
    )
    if not found:
        return Association()
    return Association(found[0]["AssociationId"], found[0]["IamInstanceProfile"]["Arn"])


STEP = Step(
    name=NAME,
    grants=GRANTS,
    release_grants=GRANTS,
    services=("ec2",),
    observe_with_host=observe_with_host,
    baseline=baseline,
    extend_baseline=extend_baseline,
    plan=plan,
    apply=apply,
    verify=verify,
    revert=revert,
    within=denied_role.NAME,
    on=_on,
    after=(denied_role.NAME, sessions.NAME),
    identity_grants=IDENTITY_GRANTS,
    unfit=not_as_it_was,
)
