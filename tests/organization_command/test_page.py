# SPDX-License-Identifier: Apache-2.0
"""The page about rolling out shows what the commands print, and names what they need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hub.organization.cdk import Tools
from hub.organization.check import ok
from hub.organization.checks import machine
from tests.cli.running import cordon
from tests.docs.pages import fenced, table, text, words
from tests.organization_command.answering import HUB, MANAGEMENT, Answering

PAGE = "docs/rollout.md"
CANARY, REST, ROOT = "ou-abcd-11111111", "ou-abcd-22222222", "r-abcd"


@pytest.fixture
def well(aws: Answering, monkeypatch: pytest.MonkeyPatch) -> Answering:
    """An organisation in which everything is ready, and a machine whose folders are not in the page."""
    monkeypatch.setattr(machine, "node", lambda _: [ok("node", "Node.js is .venv/bin/node")])
    monkeypatch.setattr(machine, "cdk", lambda _: [ok("cdk", "the CDK CLI is node_modules/.bin/cdk")])
    aws.is_of(HUB)
    found = {"Id": "o-exampleorgid", "MasterAccountId": MANAGEMENT, "FeatureSet": "ALL"}
    aws.says("organizations", "describe_organization", {"Organization": found})
    aws.says("ssm", "get_parameter", {"Parameter": {"Value": "28"}})
    services = ("member.org.stacksets.cloudformation", "securityhub", "guardduty")
    principals = [{"ServicePrincipal": f"{service}.amazonaws.com"} for service in services]
    aws.says("organizations", "list_delegated_services_for_account", {"DelegatedServices": principals})
    aws.says("cloudformation", "describe_organizations_access", {"Status": "ENABLED"})
    for _ in (CANARY, REST):
        aws.says("organizations", "list_parents", {"Parents": [{"Id": ROOT, "Type": "ROOT"}]})
    absent = ("cloudformation", "describe_stacks", "ValidationError", "Stack with id any does not exist")
    aws.refuses(*absent)
    aws.refuses("dynamodb", "describe_table", "ResourceNotFoundException")
    aws.refuses("s3", "head_bucket", "404")
    aws.refuses("s3", "head_bucket", "404")
    aws.says("logs", "describe_log_groups", {"logGroups": []})
    for region in ("eu-west-1", "us-east-1"):
        aws.says("guardduty", "list_detectors", {"DetectorIds": ["d1"]}, region=region)
        aws.says("guardduty", "get_detector", {"Status": "ENABLED", "ServiceRole": "role"}, region=region)
        everybody = {"MemberAccountLimitReached": False, "AutoEnableOrganizationMembers": "ALL"}
        aws.says("guardduty", "describe_organization_configuration", everybody, region=region)
    aws.says("securityhub", "describe_hub", {"HubArn": "arn"})
    aws.refuses("securityhub", "describe_hub", "InvalidAccessException", region="us-east-1")
    aws.says("securityhub", "describe_security_hub_v2", {"HubV2Arn": "arn"}, region="us-east-1")
    aws.refuses(*absent)
    aws.refuses(*absent, region="us-east-1")
    aws.refuses(*absent)
    return aws


def test_preflight_prints_what_the_page_shows(well: Answering, config: Path) -> None:
    del well
    printed = cordon("organization", "preflight", "--config", config).stdout
    assert printed in list(fenced(PAGE))


NO_PERMISSION_OF_THAT_NAME = {"s3:HeadBucket": "s3:ListBucket"}


def test_the_page_names_what_preflight_needs(well: Answering, config: Path) -> None:
    cordon("organization", "preflight", "--config", config)
    needed = {NO_PERMISSION_OF_THAT_NAME.get(each, each) for each in well.asked} - {"sts:GetCallerIdentity"}
    told = words(table(PAGE, "command")["cordon organization preflight"])
    assert {each for each in told if ":" in each} - {"organizations:ListOrganizationalUnitsForParent"} == needed


def test_deploying_and_leaving_print_what_the_page_shows() -> None:
    page = " ".join(text(PAGE).split())
    for sentence in (
        f"Deployed in account {HUB}: cordon-hub, cordon-forwarder-us-east-1, cordon-members.",
        "Next: cordon policy publish",
        "Destroyed: members, forwarders, hub.",
        "Left on purpose: table cordon-records",
        "switched off, observed only: organization",
    ):
        assert sentence in page


def test_the_other_page_names_the_project_s_own_command() -> None:
    assert re.search(r"^cordon organization template --output", text("docs/guide/other-means.md"), re.MULTILINE)
    assert Tools(Path()).cdk.as_posix() in text(PAGE)
