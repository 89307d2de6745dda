# SPDX-License-Identifier: Apache-2.0
"""Bad and hostile input ends as a refusal with a reason, and nothing raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.finding.model import Finding, Refusal, RefusalKind
from functions.finding.parse import parse
from tests.finding.findings import (
    ACCOUNT,
    INSTANCE,
    REGION,
    VICTIM_PRINCIPAL,
    asff,
    envelope,
    finding_arn,
    instance_arn,
    native,
    ocsf,
)

Change = Callable[[dict[str, Any]], object]
REJECTED, IGNORED = RefusalKind.REJECTED, RefusalKind.IGNORED
OTHER = "777788889999"


def _put(*path: str | int, value: Any) -> Change:
    def change(finding: dict[str, Any]) -> None:
        holder: Any = finding
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value

    return change


def _drop(*path: str | int) -> Change:
    def change(finding: dict[str, Any]) -> None:
        holder: Any = finding
        for key in path[:-1]:
            holder = holder[key]
        del holder[path[-1]]

    return change


ASFF: list[tuple[Change, RefusalKind, str]] = [
    (
        _put("ProductArn", value=f"arn:aws:securityhub:{REGION}:{ACCOUNT}:product/{ACCOUNT}/default"),
        REJECTED,
        "custom product",
    ),
    (
        _put("ProductArn", value=f"arn:aws:securityhub:{REGION}::product/acme/scanner"),
        REJECTED,
        "claims to be GuardDuty's",
    ),
    (
        _put("ProductArn", value=f"arn:aws:securityhub:{REGION}::product/aws/guardduty/x"),
        REJECTED,
        "not the ARN of a product",
    ),
    (_put("ProductArn", value=f"arn:aws:securityhub:{REGION}::productv2/aws/guardduty"), REJECTED, "not GuardDuty's"),
    (
        _put("ProductArn", value=f"arn:aws:securityhub:{REGION}:{ACCOUNT}:product/aws/guardduty"),
        REJECTED,
        "custom product",
    ),
    (
        _put("ProductArn", value="arn:aws:securityhub:us-east-1::product/aws/guardduty"),
        REJECTED,
        "Region of ProductArn is 'us-east-1'",
    ),
    (
        _put("ProductArn", value=f"arn:aws-cn:securityhub:{REGION}::product/aws/guardduty"),
        REJECTED,
        "partition of ProductArn is 'aws-cn'",
    ),
    (_put("ProductArn", value=f" arn:aws:securityhub:{REGION}::product/aws/guardduty"), REJECTED, "not an ARN"),
    (_drop("ProductArn"), REJECTED, "ProductArn is missing"),
    (_put("ProductArn", value=7), REJECTED, "ProductArn 7 is not an ARN"),
    (_drop("Id"), REJECTED, "Id is missing"),
    (
        _put("Id", value=finding_arn(account=OTHER)),
        REJECTED,
        f"AwsAccountId is '{ACCOUNT}', but Id is of account '{OTHER}'",
    ),
    (
        _put("Id", value=finding_arn(account="4444555566667")),
        REJECTED,
        "'4444555566667' is not an account id of 12 digits",
    ),
    (_put("Id", value=finding_arn(region="us-east-1")), REJECTED, "Region of ProductArn"),
    (_put("Id", value=finding_arn(region="../x")), REJECTED, "'../x' is not a Region"),
    (_put("Id", value=finding_arn(finding="../../x")), REJECTED, "not the ARN of a GuardDuty finding"),
    (_put("Id", value=finding_arn() + "\n"), REJECTED, "not the ARN of a GuardDuty finding"),
    (_put("Id", value=finding_arn().replace(":guardduty:", ":ec2:")), REJECTED, "not the ARN of a GuardDuty finding"),
    (_put("Id", value=["x"]), REJECTED, "Id a list is not an ARN"),
    (_put("AwsAccountId", value=444455556666), REJECTED, "AwsAccountId 444455556666 is not an account id"),
    (_put("AwsAccountId", value="44445555666\N{ARABIC-INDIC DIGIT SIX}"), REJECTED, "is not an account id"),
    (_drop("AwsAccountId"), REJECTED, "AwsAccountId is missing"),
    (_put("Region", value="us-east-1"), REJECTED, "Region of the finding is 'us-east-1'"),
    (_put("Resources", value=[]), IGNORED, "names no EC2 instance"),
    (_drop("Resources"), IGNORED, "names no EC2 instance"),
    (_put("Resources", value="i-0a1b2c3d4e5f60718"), REJECTED, "Resources should be a list, not a string"),
    (_put("Resources", value={"Type": "AwsEc2Instance"}), REJECTED, "Resources should be a list, not an object"),
    (_put("Resources", 0, value="AwsEc2Instance"), REJECTED, "Resources[0] should be an object, not a string"),
    (_put("Resources", 0, "Id", value=None), REJECTED, "Resources[0] has no instance id"),
    (
        _put("Resources", 0, "Id", value=instance_arn("../../etc/passwd")),
        REJECTED,
        "'../../etc/passwd' is not an instance id",
    ),
    (_put("Resources", 0, "Id", value="i-0a1b2c3d; rm -rf /"), REJECTED, "is not an instance id"),
    (_put("Resources", 0, "Id", value="i-0A1B2C3D"), REJECTED, "is not an instance id"),
    (_put("Resources", 0, "Id", value="i-0a1b2c3d\n"), REJECTED, r"'i-0a1b2c3d\n' is not an instance id"),
    (_put("Resources", 0, "Id", value="\x1b[2J\x07"), REJECTED, r"'\x1b[2J\x07' is not an instance id"),
    (_put("Resources", 0, "Id", value={"a": 1}), REJECTED, "an object is not an instance id"),
    (
        _put("Resources", 0, "Id", value=instance_arn(account=OTHER)),
        REJECTED,
        f"account of the ARN of Resources[0] is '{OTHER}'",
    ),
    (_put("Resources", 0, "Id", value=instance_arn(account="")), REJECTED, "account of the ARN of Resources[0] is ''"),
    (_put("Resources", 0, "Id", value=instance_arn(region="us-east-1")), REJECTED, "Region of the ARN of Resources[0]"),
    (
        _put("Resources", 0, "Id", value=instance_arn(partition="aws-cn")),
        REJECTED,
        "partition of the ARN of Resources[0]",
    ),
    (_put("Resources", 0, "Id", value=f"arn:aws:iam::{ACCOUNT}:role/x"), REJECTED, "not the ARN of an EC2 instance"),
    (_put("Resources", 0, "Region", value="us-east-1"), REJECTED, "Region of Resources[0] is 'us-east-1'"),
    (_put("Resources", 0, "Partition", value="aws-us-gov"), REJECTED, "partition of Resources[0]"),
    (
        _put("FindingProviderFields", "Types", value="Backdoor"),
        REJECTED,
        "FindingProviderFields.Types should be a list, not a string",
    ),
    (_put("FindingProviderFields", "Types", value=["TTPs/Something"]), IGNORED, "'TTPs/Something' is not a type"),
    (_put("FindingProviderFields", "Types", value=[7]), IGNORED, "7 is not a type"),
    (_put("FindingProviderFields", value="x"), REJECTED, "FindingProviderFields should be an object"),
    (_put("Severity", value="HIGH"), REJECTED, "Severity should be an object, not a string"),
    (_put("Workflow", value="NEW"), REJECTED, "Workflow should be an object, not a string"),
    (_put("ProductFields", value=[]), REJECTED, "ProductFields should be an object, not a list"),
]
OCSF: list[tuple[Change, RefusalKind, str]] = [
    (_drop("metadata"), REJECTED, "metadata.product.uid is missing"),
    (
        _put("metadata", "product", "uid", value=f"arn:aws:securityhub:{REGION}::product/aws/guardduty"),
        REJECTED,
        "not GuardDuty's",
    ),
    (
        _put("metadata", "product", "uid", value="arn:aws:securityhub:us-east-1::productv2/aws/guardduty"),
        REJECTED,
        "Region of metadata.product.uid",
    ),
    (_put("metadata", "product", value="GuardDuty"), REJECTED, "metadata.product should be an object"),
    (_drop("finding_info"), REJECTED, "finding_info.uid is missing"),
    (_put("finding_info", value=[]), REJECTED, "finding_info should be an object, not a list"),
    (_put("finding_info", "types", value=[]), REJECTED, "the finding has no type"),
    (_put("finding_info", "types", value=["Threats"]), IGNORED, "'Threats' is not a type"),
    (_drop("cloud"), REJECTED, "cloud.account.uid is missing"),
    (_put("cloud", value={"account": {"uid": OTHER}}), REJECTED, f"cloud.account.uid is '{OTHER}'"),
    (_put("cloud", "region", value="us-east-1"), REJECTED, "Region of cloud"),
    (_put("resources", 0, "owner", value={"account": {"uid": OTHER}}), REJECTED, "account of resources[0]"),
    (_put("resources", 0, "region", value="us-east-1"), REJECTED, "Region of resources[0]"),
    (_put("resources", 0, "uid", value="i-0123456789abcdef0"), REJECTED, "is both"),
    (_put("resources", 0, "uid_alt", value=instance_arn(account=OTHER)), REJECTED, f"'{OTHER}'"),
    (_put("resources", 0, "data", "instance_id", value="i-0123456789abcdef0"), REJECTED, "is both"),
    (_put("resources", value="x"), REJECTED, "resources should be a list"),
    (_put("resources", value=[]), IGNORED, "names no EC2 instance"),
]
NATIVE: list[tuple[Change, RefusalKind, str]] = [
    (_drop("arn"), REJECTED, "arn is missing"),
    (_drop("accountId"), REJECTED, "accountId is missing"),
    (_drop("region"), REJECTED, "region is missing"),
    (_put("accountId", value=OTHER), REJECTED, f"accountId is '{OTHER}'"),
    (_put("region", value="us-east-1"), REJECTED, "Region of the finding is 'us-east-1'"),
    (_put("partition", value="aws-cn"), REJECTED, "partition of the finding"),
    (_drop("type"), REJECTED, "the finding has no type"),
    (_put("type", value=["x"]), REJECTED, "type should be a string, not a list"),
    (_put("type", value="NotAType"), IGNORED, "'NotAType' is not a type"),
    (_put("resource", value="Instance"), REJECTED, "resource should be an object"),
    (_put("resource", "instanceDetails", value=INSTANCE), REJECTED, "resource.instanceDetails should be an object"),
    (_put("resource", "instanceDetails", value={}), IGNORED, "names no EC2 instance"),
    (
        _put("resource", "instanceDetails", "instanceId", value="i-$(reboot)"),
        REJECTED,
        "'i-$(reboot)' is not an instance id",
    ),
    (_put("service", value="x"), REJECTED, "service should be an object"),
    (_put("service", "detection", value="x"), REJECTED, "service.detection should be an object"),
]


def _refusal(event: object) -> Refusal:
    (found,) = parse(event)
    assert isinstance(found, Refusal), found
    return found


@pytest.mark.parametrize(
    ("made", "change", "kind", "words"),
    [(made, *case) for made, cases in ((asff, ASFF), (ocsf, OCSF), (native, NATIVE)) for case in cases],
)
def test_one_thing_wrong(made: Callable[[], dict[str, Any]], change: Change, kind: RefusalKind, words: str) -> None:
    event = envelope(made())
    finding = event["detail"] if made is native else event["detail"]["findings"][0]
    change(finding)
    found = _refusal(event)
    assert found.kind is kind
    assert words in found.reason
    assert found.reason.isascii()
    assert found.reason.isprintable()
    assert len(found.reason) < 400


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (None, "the event should be an object, not nothing"),
        ([], "the event should be an object, not a list"),
        ("{}", "the event should be an object, not a string"),
        (True, "the event should be an object, not true or false"),
        (4, "the event should be an object, not a number"),
        ({}, "the event has no source"),
        ({"source": "aws.guardduty"}, "the event has no detail-type"),
        (
            {"source": 1, "detail-type": [], "detail": {}},
            "an event of type a list from 1 is not one that carries findings",
        ),
        (
            {"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification", "detail": {"a": 1}},
            "an event of type 'EC2 Instance State-change Notification' from 'aws.ec2' is not one that carries findings",
        ),
        ({**envelope(native()), "source": "aws.securityhub"}, "is not one that carries findings"),
        ({**envelope(native()), "source": "com.example"}, "is not one that carries findings"),
        ({**envelope(asff()), "detail": None}, "the event's detail is empty"),
        ({**envelope(asff()), "detail": {}}, "the event's detail is empty"),
        ({**envelope(asff()), "detail": "x"}, "the event's detail should be an object, not a string"),
        ({**envelope(asff()), "detail": {"x": 1}}, "detail.findings should be a list, not nothing"),
        ({**envelope(asff()), "detail": {"findings": {}}}, "detail.findings should be a list, not an object"),
        ({**envelope(asff()), "detail": {"findings": []}}, "detail.findings is empty"),
        ({**envelope(asff()), "detail": {"findings": ["x"]}}, "a finding should be an object, not a string"),
    ],
)
def test_bad_envelopes(event: object, words: str) -> None:
    found = _refusal(event)
    assert found.kind is REJECTED
    assert words in found.reason
    assert found.finding_id is None


def test_one_bad_finding_does_no_harm_to_the_others() -> None:
    event = envelope(asff(), asff("UnauthorizedAccess:EC2/TorClient"), asff())
    event["detail"]["findings"][1]["Resources"] = "x"
    event["detail"]["findings"].append(None)
    assert [type(found) for found in parse(event)] == [Finding, Refusal, Finding, Refusal]


def test_a_finding_about_guardduty_is_not_a_forgery() -> None:
    finding = asff(
        ProductArn=f"arn:aws:securityhub:{REGION}::product/aws/securityhub",
        ProductName="Security Hub",
        Id=f"arn:aws:securityhub:{REGION}:{ACCOUNT}:security-control/GuardDuty.1/finding/1",
        Title="GuardDuty should be enabled",
    )
    assert _refusal(envelope(finding)).kind is IGNORED


def test_a_refusal_keeps_a_plain_id_and_no_other() -> None:
    assert _refusal(envelope(asff(Resources="x"))).finding_id == finding_arn()
    assert _refusal(envelope(asff(Id="\x1b[2J"))).finding_id is None
    assert _refusal(envelope(asff(Id="x" * 600))).finding_id is None


@pytest.mark.parametrize("principal", ["AROAEXAMPLE:i-zzzz", "AROAEXAMPLE:i-0a1b2c3d/../../x", "AROAEXAMPLE:i-"])
def test_a_hostile_principal(principal: str) -> None:
    finding = native("UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS", instance=None)
    finding["resource"] = {"accessKeyDetails": {"principalId": principal}}
    assert "is not an instance id" in _refusal(envelope(finding)).reason


@pytest.mark.parametrize("principal", ["AROAEXAMPLE:alice", "AIDAEXAMPLE", "GeneratedFindingPrincipalId", 5, None])
def test_a_principal_that_is_no_instance(principal: object) -> None:
    finding = native("UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS", instance=None)
    finding["resource"] = {"accessKeyDetails": {"principalId": principal}}
    assert _refusal(envelope(finding)).kind is IGNORED


def test_a_principal_counts_for_credential_exfiltration_alone() -> None:
    finding = native("UnauthorizedAccess:IAMUser/TorIPCaller", instance=None)
    finding["resource"] = {"accessKeyDetails": {"principalId": VICTIM_PRINCIPAL}}
    assert _refusal(envelope(finding)).kind is IGNORED
