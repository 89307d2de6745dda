# SPDX-License-Identifier: Apache-2.0
"""The page about rolling out shows what the commands print, and names what they need."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from hub.organization import deletion
from hub.organization.cdk import Tools
from hub.organization.check import ok
from hub.organization.checks import machine
from tests.cli.running import cordon
from tests.docs.pages import fenced, table, text, words
from tests.organization_command.answering import HOME, HUB, MANAGEMENT, Answering
from tests.organization_command.conftest import FakeCdk
from tests.organization_command.test_destroy import enabled, goes, recorded, switched

PAGE = "docs/rollout.md"
CANARY, REST, ROOT = "ou-abcd-11111111", "ou-abcd-22222222", "r-abcd"


OTHER = "us-east-1"
ABSENT = ("cloudformation", "describe_stacks", "ValidationError", "Stack with id any does not exist")


@pytest.fixture
def well(aws: Answering, config: Path, monkeypatch: pytest.MonkeyPatch) -> Answering:
    """An organisation in which everything is ready, and a machine whose folders are not in the page."""
    monkeypatch.setattr(machine, "node", lambda _: [ok("node", "Node.js is .venv/bin/node")])
    monkeypatch.setattr(machine, "cdk", lambda _: [ok("cdk", "the CDK CLI is node_modules/.bin/cdk")])
    settings = config / "deployment.yaml"
    settings.write_text(settings.read_text().replace("notify: []", "notify: [soc@example.com]"))
    aws.is_of(HUB)
    found = {"Id": "o-exampleorgid", "MasterAccountId": MANAGEMENT, "FeatureSet": "ALL"}
    aws.says("organizations", "describe_organization", {"Organization": found})
    aws.says("ssm", "get_parameter", {"Parameter": {"Value": "28"}})
    services = ("member.org.stacksets.cloudformation", "securityhub", "guardduty")
    principals = {"DelegatedServices": [{"ServicePrincipal": f"{service}.amazonaws.com"} for service in services]}
    aws.says("organizations", "list_delegated_services_for_account", principals)
    aws.says("cloudformation", "describe_organizations_access", {"Status": "ENABLED"})
    for _ in (CANARY, REST):
        aws.says("organizations", "list_parents", {"Parents": [{"Id": ROOT, "Type": "ROOT"}]})
    aws.says("organizations", "list_delegated_services_for_account", principals)
    for region in (HOME, OTHER):
        aws.says("guardduty", "list_detectors", {"DetectorIds": ["d1"]}, region=region)
        aws.says("guardduty", "get_detector", {"Status": "ENABLED", "ServiceRole": "role"}, region=region)
        everybody = {"MemberAccountLimitReached": False, "AutoEnableOrganizationMembers": "ALL"}
        aws.says("guardduty", "describe_organization_configuration", everybody, region=region)
        aws.refuses("sns", "list_subscriptions_by_topic", "NotFound", region=region)
    aws.says("securityhub", "describe_hub", {"HubArn": "arn"})
    aws.refuses("securityhub", "describe_hub", "InvalidAccessException", region=OTHER)
    aws.says("securityhub", "describe_security_hub_v2", {"HubV2Arn": "arn"}, region=OTHER)
    aws.refuses("dynamodb", "get_item", "ResourceNotFoundException")
    aws.refuses(*ABSENT)
    aws.refuses("dynamodb", "describe_table", "ResourceNotFoundException")
    aws.refuses("s3", "head_bucket", "404")
    aws.refuses("s3", "head_bucket", "404")
    aws.refuses("sqs", "get_queue_url", "AWS.SimpleQueueService.NonExistentQueue")
    aws.says("logs", "describe_log_groups", {"logGroups": []})
    enabled(aws)
    for region in (HOME, OTHER, HOME):
        aws.refuses(*ABSENT, region=region)
    return aws


def test_preflight_prints_what_the_page_shows(well: Answering, config: Path) -> None:
    del well
    printed = cordon("organization", "preflight", "--config", config).stdout
    assert printed in list(fenced(PAGE))


def test_deploying_prints_what_the_page_shows(well: Answering, fake_cdk: FakeCdk, config: Path) -> None:
    del well
    result = cordon("organization", "deploy", "--yes", "--config", config)
    assert len(fake_cdk.asked) == 1
    assert result.stdout in list(fenced(PAGE))


def test_leaving_prints_what_the_page_shows(aws: Answering, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "_PAUSE_SECONDS", 0)
    aws.is_of(HUB)
    enabled(aws)
    recorded(aws, {})
    switched(aws, "off")
    recorded(aws, {})
    goes(aws, "cordon-members")
    goes(aws, "cordon-forwarder-us-east-1", OTHER)
    goes(aws, "cordon-hub")
    aws.says("dynamodb", "describe_table", {"Table": {}})
    aws.says("s3", "head_bucket", {})
    aws.says("s3", "head_bucket", {})
    aws.says("sqs", "get_queue_url", {"QueueUrl": "https://sqs.example.com/cordon-intake-dead-letters"})
    groups = [{"logGroupName": f"/cordon/{each}"} for each in ("intake", "release", "watch")]
    aws.says("logs", "describe_log_groups", {"logGroups": groups})
    printed = cordon("organization", "destroy", "--yes", "--config", config).stdout
    (shown,) = re.findall(r"```\n(   Destroyed.*?)   ```", text(PAGE), re.DOTALL)
    assert printed == textwrap.dedent(shown)


def test_switching_off_prints_what_the_page_shows(aws: Answering, config: Path) -> None:
    aws.is_of(HUB)
    switched(aws, "off")
    printed = cordon("switch", "off", "organization", "--config", config).stdout
    assert f"`{printed.strip()}`" in text(PAGE)


NO_PERMISSION_OF_THAT_NAME = {"s3:HeadBucket": "s3:ListBucket"}


def test_the_page_names_what_preflight_needs(well: Answering, config: Path) -> None:
    cordon("organization", "preflight", "--config", config)
    needed = {NO_PERMISSION_OF_THAT_NAME.get(each, each) for each in well.asked} - {"sts:GetCallerIdentity"}
    told = words(table(PAGE, "command")["cordon organization preflight"])
    assert {each for each in told if ":" in each} == needed


def test_the_drill_ends_with_the_group_before_its_network() -> None:
    """A VPC with a group in it can't be deleted, and Cordon keeps the quarantine group."""
    drill = text(PAGE).partition("## 6.")[2].partition("## 7.")[0]
    assert 0 < drill.index("delete-security-group") < drill.index("delete-stack --stack-name cordon-drill")


def test_the_other_page_names_the_project_s_own_command() -> None:
    assert re.search(r"^cordon organization template --output", text("docs/guide/other-means.md"), re.MULTILINE)
    assert Tools(Path()).cdk.as_posix() in text(PAGE)
