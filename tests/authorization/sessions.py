# SPDX-License-Identifier: Apache-2.0
"""What watched calls ask IAM, as cases for the simulator: by the same principals, under the deployed policies."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from functions import names
from hub.authorization.requests import AuthorizationRequest
from tests.authorization.deployed import HUB, SETTINGS, Deployed, Q, member_template
from tests.authorization.simulator import Case, Policies, Policy, Principal
from tests.authorization.watched import MemberCall, Session

MEMBERS = ("contain", "release", "identity")


def member(session: Session) -> Principal:
    """Return the principal that a session is in the member account."""
    account = session.role.split(":")[4]
    role = names.member_role(Q, session.purpose)
    return Principal(
        f"arn:aws:sts::{account}:assumed-role/{role}/{session.name}",
        {
            "aws:PrincipalArn": session.role,
            "aws:SourceIdentity": session.incident,
            **{f"aws:PrincipalTag/{key}": value for key, value in session.tags.items()},
        },
    )


@functools.cache
def role_policies(account: str, purpose: str) -> Policies:
    """Return the policies of a member role, without any session policy."""
    deployed, role = Deployed(member_template(), account), names.member_role(Q, purpose)
    return Policies(identity=deployed.policies(role), boundary=deployed.boundary(role))


_IDS = re.compile(r"\b(acl|eipalloc|eni|sg|snap|vol|vpc)-[0-9a-f]+")


def _alike(session: Session, request: AuthorizationRequest) -> str:
    """Return the same for questions that differ only in ids that no policy names."""
    return _IDS.sub(r"\1", f"{session}{request}").replace(session.incident, "inc-own")


def cases(calls: Sequence[MemberCall]) -> list[Case]:
    """Return one case for each different question of these calls."""
    found: dict[str, Case] = {}
    for call in calls:
        account = call.session.role.split(":")[4]
        policies = replace(role_policies(account, call.session.purpose), session=call.session.policy)
        for request in call.requests:
            case = Case(request, member(call.session), policies)
            found.setdefault(_alike(call.session, request), case)
    return list(found.values())


@functools.cache
def _trust(account: str, purpose: str) -> Policy:
    return Deployed(member_template(), account).trust(names.member_role(Q, purpose))


def without_identity(case: Case, identity: tuple[Policy, ...]) -> Case:
    """Return a case under other policies of the role."""
    return replace(case, policies=replace(case.policies, identity=identity))


def assuming(
    session: Session,
    *,
    caller: str = "intake",
    external_id: str | None = "",
    organization: str = SETTINGS.organization,
    hub: str = HUB,
    drop: Sequence[str] = (),
    identity: tuple[Policy, ...] = (),
    **changes: Any,
) -> list[Case]:
    """Return what STS asks for one AssumeRole: to assume, to tag the session, to set its SourceIdentity.

    ``drop`` leaves out ``tags`` or ``SourceIdentity``; ``external_id`` None leaves that out; ``identity``: the caller's
    own policies, or else one that allows everything.
    """
    account = session.role.split(":")[4]
    session = replace(session, **changes)
    tags: Mapping[str, str | tuple[str, ...]] = {}
    if "tags" not in drop:
        tags = {f"aws:RequestTag/{key}": value for key, value in session.tags.items()}
        tags = {**tags, "aws:TagKeys": tuple(session.tags)}
    source = {} if "SourceIdentity" in drop else {"sts:SourceIdentity": session.incident}
    given = names.external_id(Q, account) if external_id == "" else external_id
    context = {
        **tags,
        **source,
        "sts:RoleSessionName": session.name,
        **({} if given is None else {"sts:ExternalId": given}),
    }
    questions = [AuthorizationRequest("sts:AssumeRole", session.role, context)]
    questions += [AuthorizationRequest("sts:TagSession", session.role, tags)] if tags else []
    questions += [AuthorizationRequest("sts:SetSourceIdentity", session.role, source)] if source else []
    role = names.hub_role(Q, caller)
    who = Principal(
        f"arn:aws:sts::{hub}:assumed-role/{role}/{names.function(Q, caller)}",
        {
            "aws:PrincipalArn": f"arn:aws:iam::{hub}:role{names.iam_path(Q)}{role}",
            "aws:PrincipalOrgID": organization,
            "aws:ResourceOrgID": SETTINGS.organization,
            "lambda:SourceFunctionArn": (
                f"arn:aws:lambda:{SETTINGS.home_region}:{hub}:function:{names.function(Q, caller)}"
            ),
        },
    )
    policies = Policies(identity=identity or (ANYTHING,), resource=_trust(account, session.purpose))
    return [Case(each, who, policies, owner=account) for each in questions]


ANYTHING: Policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
