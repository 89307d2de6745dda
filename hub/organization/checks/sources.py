# SPDX-License-Identifier: Apache-2.0
"""Whether findings will arrive: GuardDuty and Security Hub in the hub account, in each Region.

Without them everything can be deployed, and nothing will ever happen: hence warnings, never problems.
"""

from __future__ import annotations

from collections.abc import Callable

from functions.aws import errors
from hub.organization.check import Answer, Ground, not_checked, ok, warning


def guardduty(ground: Ground) -> list[Answer]:
    """Check that GuardDuty watches in each Region, and every member account there."""
    answers = []
    for region in _asked(ground, made=ground.settings.detection.guardduty):
        try:
            answers += _detector(ground, region)
        except errors.AwsError as error:
            remedy = "allow guardduty:ListDetectors, guardduty:GetDetector, guardduty:DescribeOrganizationConfiguration"
            answers.append(not_checked("guardduty", error, remedy))
    return answers or [ok("guardduty", f"GuardDuty watches every account in {', '.join(ground.settings.regions)}")]


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
        remedy = (
            f"aws guardduty update-organization-configuration --region {region} --detector-id {detectors[0]} "
            "--auto-enable-organization-members ALL"
        )
        return [warning("guardduty", sentence, remedy)]
    return []


def security_hub(ground: Ground) -> list[Answer]:
    """Check that Security Hub, the classic one or V2, is on in each Region."""
    detection = ground.settings.detection
    answers = []
    for region in _asked(ground, made=detection.security_hub or detection.security_hub_v2):
        client = ground.caller.client("securityhub", region)
        try:
            if not (_is_on(client.describe_hub) or _is_on(client.describe_security_hub_v2)):
                sentence = f"Security Hub is off in the hub account in {region}"
                answers.append(warning("security hub", sentence, "turn it on there, or rely on GuardDuty's own events"))
        except errors.AwsError as error:
            remedy = "allow securityhub:DescribeHub, securityhub:DescribeSecurityHubV2"
            answers.append(not_checked("security hub", error, remedy))
    return answers or [ok("security hub", f"Security Hub is on in {', '.join(ground.settings.regions)}")]


def _asked(ground: Ground, *, made: bool) -> list[str]:
    """Return the Regions to ask in: not the home Region where this deployment turns the source on there."""
    settings = ground.settings
    return [region for region in settings.regions if not (made and region == settings.home_region)]


def _is_on(describe: Callable[[], object]) -> bool:
    """Tell whether a hub is there; both calls answer an account that has none with an error."""
    try:
        describe()
    except errors.AwsError as error:
        if errors.code(error) in {"InvalidAccessException", "ResourceNotFoundException"}:
            return False
        raise
    return True
