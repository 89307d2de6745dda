# SPDX-License-Identifier: Apache-2.0
"""Whether there is room for the guard's control policies. Asked with the management account's credentials."""

from __future__ import annotations

from functions import names
from functions.aws import errors
from hub.organization.check import Answer, Ground, not_checked, ok, problem, warning

KIND = "SERVICE_CONTROL_POLICY"
ATTACHED_AT_MOST = 5
"""Service control policies that a root, an OU or an account takes (AWS Organizations, Quotas; default)."""

_REMEDY = "allow organizations:ListRoots, organizations:ListPoliciesForTarget"


def enabled(ground: Ground) -> list[Answer]:
    """Check that the organisation uses service control policies at all."""
    try:
        roots = ground.caller.client("organizations").list_roots()["Roots"]
    except errors.AwsError as error:
        return [not_checked("control policies", error, _REMEDY)]
    kinds = {kind["Type"]: kind["Status"] for root in roots for kind in root["PolicyTypes"]}
    if kinds.get(KIND) != "ENABLED":
        remedy = f"aws organizations enable-policy-type --root-id {roots[0]['Id']} --policy-type {KIND}"
        return [problem("control policies", "service control policies are not enabled in the organisation", remedy)]
    return [ok("control policies", "service control policies are enabled")]


def head_room(ground: Ground) -> list[Answer]:
    """Check that the evidence lock fits on every target, and the hub guard on the hub."""
    settings = ground.settings
    lock, hub_guard = (
        names.service_control_policy(settings.qualifier, each) for each in ("evidence-lock", "hub-guard")
    )
    wanted = {target: {lock} for target in settings.guard.targets}
    wanted[settings.hub] = wanted.get(settings.hub, set()) | {hub_guard}
    answers = []
    for target, ours in wanted.items():
        try:
            pages = ground.caller.client("organizations").get_paginator("list_policies_for_target")
            found = [
                policy["Name"] for page in pages.paginate(TargetId=target, Filter=KIND) for policy in page["Policies"]
            ]
        except errors.AwsError as error:
            if errors.code(error) == "TargetNotFoundException":
                answers.append(problem("head-room", f"the organisation has no {target}", "correct guard.targets"))
            else:
                answers.append(not_checked("head-room", error, _REMEDY))
            continue
        after = len(ours | set(found))
        if after > ATTACHED_AT_MOST:
            sentence = (
                f"{target} would have {after} service control policies: AWS's default quota is {ATTACHED_AT_MOST}"
            )
            answers.append(warning("head-room", sentence, "merge policies there, or have the quota raised first"))
    return answers or [ok("head-room", f"the policies fit on {', '.join(wanted)}")]
