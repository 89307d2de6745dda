# SPDX-License-Identifier: Apache-2.0
"""Whether StackSets can deploy the member roles everywhere: bootstrap, delegation, trusted access, OUs."""

from __future__ import annotations

from functions.aws import errors
from hub.organization.check import Answer, Ground, not_checked, ok, problem

BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
"""The parameter that ``cdk bootstrap`` leaves: what the CDK deploys Lambda code through."""

OLDEST_BOOTSTRAP = 6
"""What stacks with assets ask for (aws-cdk-lib, DefaultStackSynthesizer)."""

STACK_SETS = "member.org.stacksets.cloudformation.amazonaws.com"

_ABSENT = {"OrganizationalUnitNotFoundException", "ChildNotFoundException", "ParentNotFoundException"}
ASK_FROM = "use a delegated administrator or the management account, or allow organizations:List*"


def bootstrap(ground: Ground) -> list[Answer]:
    """Check that the home Region of the hub account was prepared for the CDK."""
    account, region = ground.settings.hub, ground.settings.home_region
    remedy = "cordon organization bootstrap"
    try:
        answer = ground.caller.client("ssm").get_parameter(Name=BOOTSTRAP)
    except errors.AwsError as error:
        if errors.code(error) == "ParameterNotFound":
            return [problem("bootstrap", f"{region} of {account} was not prepared for the CDK", remedy)]
        return [not_checked("bootstrap", error, f"allow ssm:GetParameter on {BOOTSTRAP}")]
    version = answer["Parameter"]["Value"]
    if not version.isdecimal() or int(version) < OLDEST_BOOTSTRAP:
        sentence = f"{region} was prepared for an older CDK: version {version}, needed is {OLDEST_BOOTSTRAP}"
        return [problem("bootstrap", sentence, remedy)]
    return [ok("bootstrap", f"{region} is prepared for the CDK, version {version}")]


def delegation(ground: Ground) -> list[Answer]:
    """Check that the hub is the delegated administrator of StackSets."""
    hub = ground.settings.hub
    try:
        found = delegated(ground)
    except errors.AwsError as error:
        return [not_checked("delegation", error, ASK_FROM)]
    if STACK_SETS in found:
        return [ok("delegation", f"{hub} is delegated administrator of StackSets")]
    sentence = f"the hub account {hub} is not delegated administrator of StackSets"
    remedy = (
        "in the management account: aws organizations register-delegated-administrator "
        f"--account-id {hub} --service-principal {STACK_SETS}"
    )
    return [problem("delegation", sentence, remedy)]


def delegated(ground: Ground) -> set[str]:
    """Return the services that the hub is the delegated administrator of; raise what Organizations raises."""
    found: set[str] = set()
    try:
        pages = ground.caller.client("organizations").get_paginator("list_delegated_services_for_account")
        for page in pages.paginate(AccountId=ground.settings.hub):
            found.update(service["ServicePrincipal"] for service in page["DelegatedServices"])
    except errors.AwsError as error:
        if errors.code(error) != "AccountNotRegisteredException":
            raise
    return found


def trusted_access(ground: Ground) -> list[Answer]:
    """Check that StackSets may work in the organisation's accounts.

    CloudFormation's own word counts: access that was enabled in Organizations alone is not enough.
    """
    remedy = (
        "in the management account: aws cloudformation activate-organizations-access, then "
        f"aws organizations register-delegated-administrator --account-id {ground.settings.hub} "
        f"--service-principal {STACK_SETS}"
    )
    try:
        answer = ground.caller.client("cloudformation").describe_organizations_access(CallAs="DELEGATED_ADMIN")
    except errors.AwsError as error:
        if errors.code(error) == "ValidationError":
            # What CloudFormation answers to an account that may not act for the organisation.
            return [problem("trusted access", f"CloudFormation refuses: {errors.message(error)}", remedy)]
        return [not_checked("trusted access", error, "allow cloudformation:DescribeOrganizationsAccess")]
    if answer["Status"] != "ENABLED":
        sentence = f"StackSets have no trusted access to the organisation (it is {answer['Status']})"
        return [problem("trusted access", sentence, remedy)]
    return [ok("trusted access", "StackSets have trusted access to the organisation")]


def units(ground: Ground) -> list[Answer]:
    """Check that the OUs exist, and that none of canary is inside one of rest, or the other way round."""
    rollout = ground.settings.rollout
    answers, above = [], {}
    for unit in (*rollout.canary, *rollout.rest):
        try:
            above[unit] = _ancestors(ground, unit)
        except errors.AwsError as error:
            if errors.code(error) in _ABSENT:
                remedy = "correct rollout in config/deployment.yaml"
                answers.append(problem("units", f"the organisation has no OU {unit}", remedy))
            else:
                answers.append(not_checked("units", error, ASK_FROM))
    for here, there in ((rollout.canary, rollout.rest), (rollout.rest, rollout.canary)):
        for unit in here:
            for outer in sorted(set(there) & above.get(unit, set())):
                sentence = f"{unit} is inside {outer}: its accounts would get the member template from both stack sets"
                answers.append(problem("units", sentence, "name OUs of the two sets that don't contain one another"))
    return answers or [ok("units", f"{len(above)} OUs exist, and none is in one of the other set")]


def _ancestors(ground: Ground, unit: str) -> set[str]:
    """Return the OUs and the root that an OU is in."""
    client, found, child = ground.caller.client("organizations"), set(), unit
    while not child.startswith("r-"):
        child = client.list_parents(ChildId=child)["Parents"][0]["Id"]
        found.add(child)
    return found
