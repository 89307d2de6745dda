# SPDX-License-Identifier: Apache-2.0
"""Whether this is the place: account, partition and organisation of the settings."""

from __future__ import annotations

from functions.aws import errors
from hub.organization.caller import wrong_account
from hub.organization.check import Answer, Ground, not_checked, ok, problem

_SETTINGS = "correct config/organization.lock.json or config/deployment.yaml, or use other credentials"


def hub_account(ground: Ground) -> list[Answer]:
    """Check that these are the hub account's credentials."""
    return _account(ground, ground.settings.hub, "hub")


def management_account(ground: Ground) -> list[Answer]:
    """Check that these are the management account's credentials."""
    return _account(ground, ground.settings.management, "management")


def _account(ground: Ground, wanted: str, name: str) -> list[Answer]:
    if ground.caller.account != wanted:
        sentence = wrong_account(ground.caller, ground.settings, wanted, name)
        return [problem("account", sentence, f"use credentials of {wanted}, for example by AWS_PROFILE")]
    return [ok("account", f"the credentials are of the {name} account {wanted}: {ground.caller.arn}")]


def partition(ground: Ground) -> list[Answer]:
    """Check that all Regions are in the partition that the credentials are of."""
    from botocore.exceptions import UnknownRegionError

    answers = []
    for region in ground.settings.regions:
        try:
            there = ground.caller.session.get_partition_for_region(region)
        except UnknownRegionError:
            answers.append(problem("region", f"the AWS SDK knows no Region {region}", _SETTINGS))
            continue
        if there != ground.caller.partition:
            sentence = f"{region} is in the partition {there}, the credentials are of {ground.caller.partition}"
            answers.append(problem("region", sentence, _SETTINGS))
    return answers or [ok("region", f"{', '.join(ground.settings.regions)}: in partition {ground.caller.partition}")]


def organization(ground: Ground) -> list[Answer]:
    """Check that this is the organisation that the settings name, with all features."""
    try:
        found = ground.caller.client("organizations").describe_organization()["Organization"]
    except errors.AwsError as error:
        if errors.code(error) == "AWSOrganizationsNotInUseException":
            sentence = f"account {ground.caller.account} is in no organisation"
            return [problem("organization", sentence, _SETTINGS)]
        return [not_checked("organization", error, "allow organizations:DescribeOrganization")]
    settings, answers = ground.settings, []
    if found["Id"] != settings.organization:
        sentence = f"this is the organisation {found['Id']}, the settings are for {settings.organization}"
        answers.append(problem("organization", sentence, _SETTINGS))
    if found["MasterAccountId"] != settings.management:
        sentence = f"the management account is {found['MasterAccountId']}, the settings say {settings.management}"
        answers.append(problem("organization", sentence, "correct config/deployment.yaml"))
    if found["FeatureSet"] != "ALL":
        sentence = "the organisation has consolidated billing alone: neither StackSets nor control policies work"
        answers.append(problem("organization", sentence, "enable all features, in the management account"))
    return answers or [ok("organization", f"this is {found['Id']}, managed by {found['MasterAccountId']}")]
