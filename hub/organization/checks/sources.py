# SPDX-License-Identifier: Apache-2.0
"""Whether findings will arrive: GuardDuty and Security Hub in the hub account, in each Region.

Without them a deployment succeeds but never gets a finding: so these are warnings, never problems.
"""

from __future__ import annotations

from collections.abc import Callable

from functions.aws import errors
from hub.organization.check import Answer, Ground, not_checked, ok, warning
from hub.organization.checks.rollout import ASK_FROM, delegated
from hub.organization.checks.stacks import exists
from hub.organization.parts import DeploymentPart, stacks_of

_SERVICES = (
    ("securityhub.amazonaws.com", "Security Hub", "securityhub"),
    ("guardduty.amazonaws.com", "GuardDuty", "guardduty"),
)
_GUARDDUTY = "allow guardduty:ListDetectors, guardduty:GetDetector, guardduty:DescribeOrganizationConfiguration"
_SECURITY_HUB = "allow securityhub:DescribeHub, securityhub:DescribeSecurityHubV2"


def administrator(ground: Ground) -> list[Answer]:
    """Check that the hub is the delegated administrator of Security Hub and GuardDuty."""
    hub = ground.settings.hub
    try:
        found = delegated(ground)
    except errors.AwsError as error:
        return [not_checked("delegation", error, ASK_FROM)]
    answers = []
    for service, name, command in _SERVICES:
        if service not in found:
            sentence = f"the hub account {hub} is not delegated administrator of {name}: findings won't reach it"
            remedy = (
                f"in the management account, in each Region: aws {command} enable-organization-admin-account "
                f"--admin-account-id {hub}"
            )
            answers.append(warning("delegation", sentence, remedy))
    return answers or [ok("delegation", f"{hub} is delegated administrator of Security Hub and GuardDuty")]


def guardduty(ground: Ground) -> list[Answer]:
    """Check that GuardDuty watches in each Region, and every member account there."""
    home = ground.settings.home_region
    try:
        made = ground.settings.detection.guardduty and _will_be_made(ground)
    except errors.AwsError as error:
        return [not_checked("guardduty", error, "allow cloudformation:DescribeStacks")]
    answers = []
    if made:
        # CloudFormation has no type for GuardDuty's settings of an organisation.
        sentence = f"GuardDuty will be made in {home} by {_detection(ground)}, but only for the hub account"
        answers.append(warning("guardduty", sentence, f"after that: {_for_every_account(home, 'DETECTOR')}"))
    return [*answers, *_each(ground, "guardduty", _detector, _GUARDDUTY, made=made)]


def security_hub(ground: Ground) -> list[Answer]:
    """Check that Security Hub, the classic one or V2, is on in each Region."""
    detection = ground.settings.detection
    try:
        made = (detection.security_hub or detection.security_hub_v2) and _will_be_made(ground)
    except errors.AwsError as error:
        return [not_checked("security hub", error, "allow cloudformation:DescribeStacks")]
    answers = []
    if made:
        sentence = f"Security Hub will be made in {ground.settings.home_region} by {_detection(ground)}"
        answers.append(ok("security hub", sentence))
    return [*answers, *_each(ground, "security hub", _hub, _SECURITY_HUB, made=made)]


_WELL = {"guardduty": "GuardDuty watches every account", "security hub": "Security Hub is on"}


def _each(
    ground: Ground, check: str, ask: Callable[[Ground, str], list[Answer]], remedy: str, *, made: bool
) -> list[Answer]:
    """Ask in every Region; leave the home Region out if the deployment still has to make the service there."""
    settings = ground.settings
    answers, well = [], []
    for region in settings.regions:
        if made and region == settings.home_region:
            continue
        try:
            found = ask(ground, region)
        except errors.AwsError as error:
            found = [not_checked(check, error, remedy)]
        answers += found
        if not found:
            well.append(region)
    return [*answers, ok(check, f"{_WELL[check]} in {', '.join(well)}")] if well else answers


def _detection(ground: Ground) -> str:
    (stack,) = stacks_of(ground.settings, (DeploymentPart.DETECTION,))
    return stack.name


def _will_be_made(ground: Ground) -> bool:
    """Tell whether the stack that turns a source on is still to come; raise what CloudFormation raises."""
    (stack,) = stacks_of(ground.settings, (DeploymentPart.DETECTION,))
    return not exists(ground, stack)


def _for_every_account(region: str, detector: str) -> str:
    return (
        f"aws guardduty update-organization-configuration --region {region} --detector-id {detector} "
        "--auto-enable-organization-members ALL"
    )


def _detector(ground: Ground, region: str) -> list[Answer]:
    client = ground.caller.client("guardduty", region)
    detectors = client.list_detectors()["DetectorIds"]
    if not detectors or client.get_detector(DetectorId=detectors[0])["Status"] != "ENABLED":
        sentence = f"GuardDuty is off in the hub account in {region}"
        return [warning("guardduty", sentence, f"turn it on there, or leave {region} out of regions")]
    try:
        members = client.describe_organization_configuration(DetectorId=detectors[0])["AutoEnableOrganizationMembers"]
    except errors.AwsError as error:
        if errors.code(error) != "BadRequestException":
            raise
        sentence = f"the hub account does not administer GuardDuty in {region}: members' findings won't reach it"
        return [warning("guardduty", sentence, "make it the delegated administrator there")]
    if members != "ALL":
        sentence = f"GuardDuty is not on for every account in {region} (auto-enable is {members})"
        return [warning("guardduty", sentence, _for_every_account(region, detectors[0]))]
    return []


def _hub(ground: Ground, region: str) -> list[Answer]:
    client = ground.caller.client("securityhub", region)
    if _is_on(client.describe_hub) or _is_on(client.describe_security_hub_v2):
        return []
    sentence = f"Security Hub is off in the hub account in {region}"
    return [warning("security hub", sentence, "turn it on there, or rely on GuardDuty's own events")]


def _is_on(describe: Callable[[], object]) -> bool:
    """Tell whether a hub is there; both calls answer an account that has none with an error."""
    try:
        describe()
    except errors.AwsError as error:
        if errors.code(error) in {"InvalidAccessException", "ResourceNotFoundException"}:
            return False
        raise
    return True
