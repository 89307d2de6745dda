# SPDX-License-Identifier: Apache-2.0
"""Inline policies on the host's role, by the opt-in role: denial for this host, and the end of earlier sessions.

Whoever may write inline policies is administrator of the account, so this is opt-in and kept to one role. Revoking
sessions hits every host of the role: each gets fresh credentials from its metadata service, but what holds older ones
(the host's own thief, and any other host until it asks again) is denied everything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from functions import names
from functions.aws import errors
from functions.aws.command import aws_command
from functions.context import MemberCredentials
from functions.grants import Grant
from functions.incident.model import ItemOutcome, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.steps.host import Host
from functions.steps.iam import role_denial
from functions.steps.iam.iam_reading import INSTANCE_ROLE_GRANT, gone, instance_role
from functions.steps.iam.opt_in import enter, no_way_in, using
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


@dataclass(frozen=True, slots=True)
class SessionsObserved:
    """The roles to deny, the way in, and when sessions end that were given out before.

    ``roles`` are those of earlier attempts and the host's own; ``why`` says why there is none of its own.
    """

    roles: tuple[str, ...]
    why: str
    way_in: MemberCredentials | Exception
    now: str


def observe_with_host(task: Task) -> SessionsObserved | Exception:
    """Find the host's role, beside those that the baseline has, and whether the account has the opt-in role.

    Once the profile is swapped the host runs as Cordon's own role, and the baseline alone knows whose credentials are
    out.
    """
    entering = task.member.pool.start(partial(enter, task.member))
    try:
        own = instance_role(task.member, task.host)
    except UnobservedError as error:
        entering.exception()
        return error
    now = task.member.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    roles = dict.fromkeys([*task.section.get("roles", {}), *([own.name] if own.name else [])])
    return SessionsObserved(tuple(roles), own.why, entering.result(), now)


def baseline(host: Host, observed: Any) -> Section:
    """Keep the roles, and the time before which sessions are denied: what is written can be told by it later.

    A role that can't be reached just now is kept too: by the next try the profile may have been swapped.
    """
    del host
    if isinstance(observed, Exception):
        raise observed
    if isinstance(observed.way_in, Exception) and not errors.transient(observed.way_in):
        return {"roles": {}}
    return {"roles": {role: {"before": observed.now} for role in observed.roles}}


def extend_baseline(host: Host, observed: Any, section: Section) -> tuple[str, Section] | None:
    """Keep the same of a role that could be reached only now."""
    kept: Mapping[str, Any] = baseline(host, observed)["roles"]
    new = {role: each for role, each in kept.items() if role not in section["roles"]}
    return (next(iter(new)), {"roles": new}) if new else None


def plan(task: Task) -> tuple[PlannedCall, ...]:
    """Return a call for each policy; the role is found when the host is contained."""
    if task.host.profile is None:
        return ()
    role = f"role of {task.host.profile.rpartition('/')[2]}"
    return tuple(
        PlannedCall(NAME, "PutRolePolicy", _parameters(task, role, purpose, "the time of containment"), "iam")
        for purpose in _wanted(task)
    )


def apply(task: Task, prepared: Any) -> StepResult:
    """Write the policies that policy asks for on each role."""
    if isinstance(prepared.way_in, Exception):
        return conclude(NAME, [no_way_in("sessions of the role", prepared.way_in)], {})
    if not prepared.roles:
        return conclude(NAME, [], {}, nothing=prepared.why)
    calls = [
        partial(_write, task, prepared.way_in, role, purpose) for role in prepared.roles for purpose in _wanted(task)
    ]
    items = [_told(item) for item in task.member.pool.all(calls)]
    return conclude(NAME, items, {"purposes": _wanted(task)})


def verify(task: Task, result: StepResult) -> StepResult:
    """Read the policies back."""
    done = {item.what for item in result.items if item.outcome is StepOutcome.DONE}
    if not done:
        return result
    way_in = enter(task.member)
    if isinstance(way_in, Exception):
        return conclude(NAME, [*result.items, failed_item("reading back", way_in)], result.receipt)

    def wrong() -> list[ItemOutcome]:
        return [
            _not_so(what, found)
            for role, kept in task.section["roles"].items()
            for purpose in _wanted(task)
            if (what := _item(role, purpose)) in done
            if (found := _read(task.member, way_in, role, purpose)) != _document(task, purpose, kept["before"])
        ]

    return read_back(task, result, wrong)


def revert(task: Task, result: StepResult, now: Host) -> tuple[RestoredItem, ...]:
    """Take this incident's policies away, where they say what it wrote.

    Both are looked for, whatever the last try says it wrote: an earlier one may have died, under another policy.
    """
    del now
    roles: Mapping[str, Mapping[str, str]] = task.section["roles"]
    if not roles:
        return ()
    way_in, said = enter(task.member), result.receipt.get("purposes", PURPOSES)
    items = [
        _delete_policy(task, way_in, role, purpose, kept["before"], said=purpose in said)
        for role, kept in roles.items()
        for purpose in PURPOSES
    ]
    return tuple(item for item in items if item is not None)


def _on(options: Mapping[str, Any]) -> bool:
    return bool(options.get("inline") or options.get("revoke_sessions"))


def _wanted(task: Task) -> list[str]:
    asked = {INLINE: task.options.get("inline"), REVOKED: task.options.get("revoke_sessions")}
    return [purpose for purpose, wanted in asked.items() if wanted]


def _item(role: str, purpose: str) -> str:
    return f"{role}: {purpose}"


def _write(task: Task, way_in: MemberCredentials, role: str, purpose: str) -> ItemOutcome:
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


def _parameters(task: Task, role: str, purpose: str, before: str) -> dict[str, Any]:
    document = json.dumps(_document(task, purpose, before), separators=(",", ":"))
    return {"RoleName": role, "PolicyName": _name(task.member, purpose), "PolicyDocument": document}


def _document(task: Task, purpose: str, before: str) -> Document:
    return _written(task.member, purpose, before, exempt=task.options.get("ssm", "deny") == "exempt")


def _written(member: Member, purpose: str, before: str, *, exempt: bool) -> Document:
    if purpose == REVOKED:
        return _denying({"Action": "*"}, {"DateLessThan": {"aws:TokenIssueTime": before}})
    what = {"NotAction": list(role_denial.WAY_IN)} if exempt else {"Action": "*"}
    return _denying(what, {"StringEquals": {"ec2:SourceInstanceARN": member.target.arn}})


def _denying(what: Mapping[str, Any], condition: Mapping[str, Any]) -> Document:
    statement = {"Effect": "Deny", **what, "Resource": "*", "Condition": condition}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _read(member: Member, way_in: MemberCredentials, role: str, purpose: str) -> Document | Exception | None:
    """Return the policy as it stands, None where there is none, or the error that reading it raised."""
    read = partial(member.client("iam").get_role_policy, RoleName=role, PolicyName=_name(member, purpose))
    try:
        found: Document = using(way_in, read)["PolicyDocument"]
    except errors.AwsError as error:
        return None if gone(error) else error
    return found


def _not_so(what: str, found: Document | Exception | None) -> ItemOutcome:
    if isinstance(found, Exception):
        return failed_item(what, found)
    reason = "not there when read back" if found is None else "says something else when read back"
    return ItemOutcome(what, StepOutcome.FAILED, reason, "NotInEffect", transient=True)


def _delete_policy(
    task: Task, way_in: MemberCredentials | Exception, role: str, purpose: str, before: str, *, said: bool
) -> RestoredItem | None:
    """Delete one policy if it is there and ours; None where it is not there, and nobody ``said`` that it was."""
    member, what = task.member, f"{role}: {_name(task.member, purpose)}"
    parameters = {"RoleName": role, "PolicyName": _name(member, purpose)}
    command = aws_command("iam", "DeleteRolePolicy", parameters, member.target.region)
    if isinstance(way_in, Exception):
        reason = no_way_in(what, way_in).reason
        return RestoredItem(NAME, what, restored=False, reason=reason, retry=errors.transient(way_in), command=command)
    found = _read(member, way_in, role, purpose)
    if isinstance(found, Exception):
        return RestoredItem(NAME, what, restored=False, reason=errors.message(found), retry=True, command=command)
    if found is None:
        return RestoredItem(NAME, what, restored=True, reason="found as it was") if said else None
    # What policy says about Systems Manager may have changed since.
    if found not in [_written(member, purpose, before, exempt=exempt) for exempt in (True, False)]:
        reason = "it says something that Cordon did not write"
        return RestoredItem(NAME, what, restored=False, reason=reason, command=command)
    return restore(NAME, what, partial(using, way_in, partial(member.client("iam").delete_role_policy, **parameters)))


STEP = Step(
    name=NAME,
    grants=GRANTS,
    release_grants=(),
    observe_with_host=observe_with_host,
    baseline=baseline,
    extend_baseline=extend_baseline,
    plan=plan,
    apply=apply,
    verify=verify,
    revert=revert,
    within=role_denial.NAME,
    on=_on,
    identity_grants=IDENTITY_GRANTS,
)
