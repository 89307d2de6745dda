# SPDX-License-Identifier: Apache-2.0
"""Inline policies on the host's role, by the opt-in role: denial for this host, and the end of earlier sessions.

Whoever may write inline policies is administrator of the account, so this is opt-in and kept to one role. Revoking
sessions hits every host of the role: each gets fresh credentials from its metadata service, but what holds older ones
(the host's own thief, and any other host until it asks again) is denied everything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, TypedDict

from functions import names
from functions.aws import errors
from functions.aws.command import aws_command
from functions.context import MemberCredentials
from functions.grants import Grant
from functions.incident.model import ItemOutcome, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.steps.host import Host
from functions.steps.iam import denied_role
from functions.steps.iam.iam_reading import INSTANCE_ROLE_GRANT, gone, instance_role
from functions.steps.iam.opt_in import enter, no_way_in, using
from functions.steps.iam.role_denial import WAY_IN
from functions.steps.iam.role_return import unfit
from functions.steps.risk import ROLE_CREDENTIALS, Aftermath, Risk
from functions.steps.step import Member, Options, Step, Task, conclude, failed_item, read_back, restore, try_call

NAME = "sessions"
INLINE, REVOKED = "denied", "revoked"
PURPOSES = (INLINE, REVOKED)
EVERY_HOST = "it hits every host that runs as this role"

_ANY_ROLE = (
    "The role of a host is not known before the host is looked at, and hosts share roles as a rule: no path or tag "
    "marks one."
)
_CONTENT = f"IAM has no key for what an inline policy says: whoever may write one may allow anything. {_ANY_ROLE}"
GRANTS = (INSTANCE_ROLE_GRANT,)
IDENTITY_GRANTS = (
    Grant("iam:PutRolePolicy", "role", _CONTENT),
    Grant("iam:DeleteRolePolicy", "role", _ANY_ROLE),
    Grant("iam:GetRolePolicy", "role", f"{_ANY_ROLE} It reads alone."),
)

Document = Mapping[str, Any]


class RevokedRole(TypedDict):
    """The time before which sessions of a role are denied, as IAM writes it."""

    before: str


class Section(TypedDict):
    """Each role whose policies may be written, by its name."""

    roles: dict[str, RevokedRole]


class Receipt(TypedDict, total=False):
    """The purposes of the policies that were asked for."""

    purposes: list[str]


@dataclass(frozen=True, slots=True)
class SessionsObserved:
    """The roles to deny, the way in, and when sessions end that were given out before.

    ``roles`` are those of earlier attempts and the host's own; ``why`` says why there is none of its own.
    """

    roles: tuple[str, ...]
    why: str
    way_in: Future[MemberCredentials]
    now: str


SessionsTask = Task[SessionsObserved, Section, Receipt]
Result = StepResult[Receipt]


def observe_with_host(task: SessionsTask) -> SessionsObserved:
    """Find the host's role, beside those that the baseline has, and whether the account has the opt-in role.

    Once the profile is swapped the host runs as Cordon's own role, and the baseline alone knows whose credentials are
    out.
    """
    way_in = task.member.pool.start(partial(enter, task.member))
    try:
        own = instance_role(task.member, task.host)
        now = task.member.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    finally:
        way_in.exception()
    roles = dict.fromkeys([*task.section.get("roles", {}), *([own.name] if own.name else [])])
    return SessionsObserved(tuple(roles), own.why, way_in, now)


def baseline(_host: Host, observation: Future[SessionsObserved]) -> Section:
    """Keep the roles, and the time before which sessions are denied: what is written can be told by it later.

    A role that can't be reached just now is kept too: by the next try the profile may have been swapped.
    """
    return {"roles": _kept(observation.result())}


def extend_baseline(_host: Host, observation: Future[SessionsObserved], section: Section) -> tuple[str, Section] | None:
    """Keep the same of a role that could be reached only now."""
    new = {role: kept for role, kept in _kept(observation.result()).items() if role not in section["roles"]}
    return (next(iter(new)), {"roles": new}) if new else None


def plan(task: SessionsTask) -> tuple[PlannedCall, ...]:
    """Return a call for each policy; the role is found when the host is contained."""
    if task.host.profile is None:
        return ()
    role = f"role of {task.host.profile.rpartition('/')[2]}"
    return tuple(
        PlannedCall(NAME, "PutRolePolicy", _parameters(task, role, purpose, "the time of containment"), "iam")
        for purpose in _wanted(task)
    )


def apply(task: SessionsTask, _prepared: None) -> Result:
    """Write the policies that policy asks for on each role."""
    observed = task.observed
    try:
        way_in = observed.way_in.result()
    except errors.AwsError as error:
        return conclude(NAME, [no_way_in("sessions of the role", error)], Receipt())
    if not observed.roles:
        return conclude(NAME, [], Receipt(), nothing=observed.why)
    calls = [partial(_write, task, way_in, role, purpose) for role in observed.roles for purpose in _wanted(task)]
    items = [_told(item) for item in task.member.pool.all(calls)]
    return conclude(NAME, items, Receipt(purposes=_wanted(task)))


def verify(task: SessionsTask, result: Result) -> Result:
    """Read the policies back."""
    done = {item.what for item in result.items if item.outcome is StepOutcome.DONE}
    if not done:
        return result
    try:
        way_in = enter(task.member)
    except errors.AwsError as error:
        return conclude(NAME, [*result.items, failed_item("reading back", error)], result.receipt)

    def wrong() -> list[ItemOutcome]:
        checked = [
            _not_so(task, way_in, role, purpose)
            for role in task.section["roles"]
            for purpose in _wanted(task)
            if _item(role, purpose) in done
        ]
        return [item for item in checked if item is not None]

    return read_back(task, result, wrong)


def revert(task: SessionsTask, result: Result, _now: Host) -> tuple[RestoredItem, ...]:
    """Take this incident's policies away, where they say what it wrote.

    Both are looked for, whatever the last try says it wrote: an earlier one may have died, under another policy.
    """
    policies = [(role, purpose) for role in task.section["roles"] for purpose in PURPOSES]
    if not policies:
        return ()
    try:
        way_in = enter(task.member)
    except errors.AwsError as error:
        return tuple(_out_of_reach(task.member, role, purpose, error) for role, purpose in policies)
    said: Sequence[str] = result.receipt.get("purposes", PURPOSES)
    items = [_delete_policy(task, way_in, role, purpose, said=purpose in said) for role, purpose in policies]
    return tuple(item for item in items if item is not None)


def answers(aftermath: Aftermath[Receipt]) -> Iterator[Risk]:
    """Name the role's credentials where the inline policy denies the role for this host."""
    if aftermath.whole and aftermath.result is not None and INLINE in aftermath.result.receipt.get("purposes", []):
        yield ROLE_CREDENTIALS


def _kept(observed: SessionsObserved) -> dict[str, RevokedRole]:
    """Return what the baseline keeps of the roles; nothing where the opt-in role is refused for good."""
    refused = observed.way_in.exception()
    if refused is not None and not errors.transient(refused):
        return {}
    return {role: {"before": observed.now} for role in observed.roles}


def _on(options: Options) -> bool:
    return bool(options.get("inline") or options.get("revoke_sessions"))


def _wanted(task: SessionsTask) -> list[str]:
    asked = {INLINE: task.options.get("inline"), REVOKED: task.options.get("revoke_sessions")}
    return [purpose for purpose, wanted in asked.items() if wanted]


def _item(role: str, purpose: str) -> str:
    return f"{role}: {purpose}"


def _write(task: SessionsTask, way_in: MemberCredentials, role: str, purpose: str) -> ItemOutcome:
    parameters = _parameters(task, role, purpose, task.section["roles"][role]["before"])
    put = partial(task.member.client("iam").put_role_policy, **parameters)
    return try_call(_item(role, purpose), partial(using, way_in, put))


def _told(item: ItemOutcome) -> ItemOutcome:
    """Say of a revocation whom it hits beside this host."""
    if item.outcome is StepOutcome.DONE and item.what.endswith(f": {REVOKED}"):
        return ItemOutcome(item.what, item.outcome, EVERY_HOST)
    return item


def _name(member: Member, purpose: str) -> str:
    return names.incident_policy(member.qualifier, member.incident, purpose)


def _parameters(task: SessionsTask, role: str, purpose: str, before: str) -> dict[str, Any]:
    document = json.dumps(_document(task, purpose, before), separators=(",", ":"))
    return {"RoleName": role, "PolicyName": _name(task.member, purpose), "PolicyDocument": document}


def _document(task: SessionsTask, purpose: str, before: str) -> Document:
    return _written(task.member, purpose, before, exempt=task.options.get("ssm", "deny") == "exempt")


def _written(member: Member, purpose: str, before: str, *, exempt: bool) -> Document:
    if purpose == REVOKED:
        return _denying({"Action": "*"}, {"DateLessThan": {"aws:TokenIssueTime": before}})
    what = {"NotAction": list(WAY_IN)} if exempt else {"Action": "*"}
    return _denying(what, {"StringEquals": {"ec2:SourceInstanceARN": member.target.arn}})


def _denying(what: Mapping[str, Any], condition: Mapping[str, Any]) -> Document:
    statement = {"Effect": "Deny", **what, "Resource": "*", "Condition": condition}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _read(member: Member, way_in: MemberCredentials, role: str, purpose: str) -> Document | None:
    """Return the policy as it stands, None where there is none; raise what else keeps it from being read."""
    read = partial(member.client("iam").get_role_policy, RoleName=role, PolicyName=_name(member, purpose))
    try:
        found: Document = using(way_in, read)["PolicyDocument"]
    except errors.AwsError as error:
        if gone(error):
            return None
        raise
    return found


def _not_so(task: SessionsTask, way_in: MemberCredentials, role: str, purpose: str) -> ItemOutcome | None:
    """Read one policy back; None where it says what it should."""
    what = _item(role, purpose)
    try:
        found = _read(task.member, way_in, role, purpose)
    except errors.AwsError as error:
        return failed_item(what, error)
    if found == _document(task, purpose, task.section["roles"][role]["before"]):
        return None
    reason = "not there when read back" if found is None else "says something else when read back"
    return ItemOutcome(what, StepOutcome.FAILED, reason, "NotInEffect", transient=True)


def _policy_item(member: Member, role: str, purpose: str) -> str:
    return f"{role}: {_name(member, purpose)}"


def _deletion(member: Member, role: str, purpose: str) -> dict[str, str]:
    return {"RoleName": role, "PolicyName": _name(member, purpose)}


def _command(member: Member, role: str, purpose: str) -> str:
    return aws_command("iam", "DeleteRolePolicy", _deletion(member, role, purpose), member.target.region)


def _out_of_reach(member: Member, role: str, purpose: str, error: Exception) -> RestoredItem:
    """Return the item for a policy that may be there, where the opt-in role can't be assumed."""
    what = _policy_item(member, role, purpose)
    reason, command = no_way_in(what, error).reason, _command(member, role, purpose)
    return RestoredItem(NAME, what, restored=False, reason=reason, retry=errors.transient(error), command=command)


def _delete_policy(
    task: SessionsTask, way_in: MemberCredentials, role: str, purpose: str, *, said: bool
) -> RestoredItem | None:
    """Delete one policy if it is there and ours; None where it is not there, and no receipt ``said`` that it was."""
    member, before = task.member, task.section["roles"][role]["before"]
    what, command = _policy_item(member, role, purpose), _command(member, role, purpose)
    try:
        found = _read(member, way_in, role, purpose)
    except errors.AwsError as error:
        return RestoredItem(NAME, what, restored=False, reason=errors.message(error), retry=True, command=command)
    if found is None:
        return RestoredItem(NAME, what, restored=True, reason="found as it was") if said else None
    # What policy says about Systems Manager may have changed since.
    if found not in [_written(member, purpose, before, exempt=exempt) for exempt in (True, False)]:
        reason = "it says something that Cordon did not write"
        return RestoredItem(NAME, what, restored=False, reason=reason, command=command)
    delete = partial(member.client("iam").delete_role_policy, **_deletion(member, role, purpose))
    return restore(NAME, what, partial(using, way_in, delete))


STEP = Step(
    name=NAME,
    grants=GRANTS,
    release_grants=(),
    services=("iam",),
    observe_with_host=observe_with_host,
    baseline=baseline,
    extend_baseline=extend_baseline,
    plan=plan,
    apply=apply,
    verify=verify,
    revert=revert,
    within=denied_role.NAME,
    on=_on,
    identity_grants=IDENTITY_GRANTS,
    risks=(ROLE_CREDENTIALS,),
    outlives_host=True,
    unfit=unfit,
    answers=answers,
)
