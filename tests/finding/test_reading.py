# SPDX-License-Identifier: Apache-2.0
"""Severity, direction, state, sample, targets and times, field by field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from functions.finding import times
from functions.finding.model import Dialect, Direction, Finding, Label, Severity, Target, Workflow
from functions.finding.parse import parse
from tests.finding.findings import (
    ACCOUNT,
    INSTANCE,
    REGION,
    asff,
    envelope,
    instance_arn,
    native,
    ocsf,
)

SECOND = "i-0b1b2c3d4e5f60718"


def read(finding: dict[str, Any]) -> Finding:
    (found,) = parse(envelope(finding))
    assert isinstance(found, Finding), found
    return found


@pytest.mark.parametrize(
    ("provider", "own", "expected"),
    [
        ({"Product": 8.7, "Label": "LOW"}, {"Product": 1, "Label": "LOW"}, Severity(Label.HIGH, 8.7)),
        ({"Label": "CRITICAL"}, {"Product": 1, "Label": "LOW"}, Severity(Label.CRITICAL)),
        ({"Original": "5.0"}, {"Product": 1}, Severity(Label.MEDIUM, 5.0)),
        ({"Normalized": 90}, {"Product": 1}, Severity(Label.LOW, 1.0)),
        (None, {"Product": 2, "Label": "MEDIUM", "Normalized": 40}, Severity(Label.LOW, 2.0)),
        (None, {"Product": 0}, Severity(Label.INFORMATIONAL, 0.0)),
        (None, {"Product": 3.9}, Severity(Label.LOW, 3.9)),
        (None, {"Product": 4}, Severity(Label.MEDIUM, 4.0)),
        (None, {"Product": 7.0}, Severity(Label.HIGH, 7.0)),
        (None, {"Product": 9}, Severity(Label.CRITICAL, 9.0)),
        (None, {"Product": 50, "Label": "medium"}, Severity(Label.MEDIUM)),
        (None, {"Product": True, "Label": "LOW"}, Severity(Label.LOW)),
        (None, {"Normalized": 0}, Severity(Label.INFORMATIONAL)),
        (None, {"Normalized": 89}, Severity(Label.HIGH)),
        (None, {"Normalized": 90}, Severity(Label.CRITICAL)),
        (None, None, Severity(Label.HIGH)),
    ],
)
def test_severity_of_asff(provider: Any, own: Any, expected: Severity) -> None:
    finding = asff(Severity=own)
    finding["FindingProviderFields"]["Severity"] = provider
    assert read(finding).severity == expected


@pytest.mark.parametrize(
    ("vendor", "own", "expected"),
    [
        ({"severity_id": 2}, 5, Label.LOW),
        ({"severity": "Critical"}, 1, Label.CRITICAL),
        ({"severity_id": 0}, 3, Label.MEDIUM),
        ({}, 4, Label.HIGH),
        ({}, 6, Label.CRITICAL),
        ({}, 99, Label.HIGH),
    ],
)
def test_severity_of_ocsf(vendor: dict[str, Any], own: int, expected: Label) -> None:
    finding = ocsf(severity_id=own, vendor_attributes=vendor, severity="")
    assert read(finding).severity == Severity(expected)


NETWORK = "NETWORK_CONNECTION"


@pytest.mark.parametrize(
    ("kind", "action", "connection", "expected"),
    [
        ("UnauthorizedAccess:EC2/SSHBruteForce", NETWORK, "OUTBOUND", Direction.OUTBOUND),
        ("UnauthorizedAccess:EC2/SSHBruteForce", NETWORK, "INBOUND", Direction.INBOUND),
        ("UnauthorizedAccess:EC2/TorClient", NETWORK, "INBOUND", Direction.INBOUND),
        ("UnauthorizedAccess:EC2/TorClient", NETWORK, "UNKNOWN", Direction.UNKNOWN),
        ("UnauthorizedAccess:EC2/TorClient", NETWORK, None, Direction.UNKNOWN),
        ("UnauthorizedAccess:EC2/TorClient", None, None, Direction.OUTBOUND),
        ("UnauthorizedAccess:EC2/TorClient", "AWS_API_CALL", None, Direction.OUTBOUND),
        ("UnauthorizedAccess:EC2/MaliciousIPCaller.Custom", "DNS_REQUEST", None, Direction.OUTBOUND),
        ("UnauthorizedAccess:EC2/MaliciousIPCaller.Custom", None, None, Direction.UNKNOWN),
        ("UnauthorizedAccess:EC2/RDPBruteForce", None, None, Direction.UNKNOWN),
        ("Behavior:EC2/TrafficVolumeUnusual", None, None, Direction.UNKNOWN),
        ("Behavior:EC2/NetworkPortUnusual", None, None, Direction.UNKNOWN),
        ("Impact:EC2/WinRMBruteForce", None, None, Direction.OUTBOUND),
        ("Recon:EC2/Portscan", None, None, Direction.OUTBOUND),
        ("Recon:EC2/PortProbeUnprotectedPort", "PORT_PROBE", None, Direction.INBOUND),
        ("Recon:EC2/PortProbeEMRUnprotectedPort", None, None, Direction.INBOUND),
        ("Execution:EC2/MaliciousFile", None, None, Direction.OUTBOUND),
        ("Execution:Runtime/SuspiciousTool", None, None, Direction.OUTBOUND),
        ("Persistence:EC2/BootOrLogonInitializationScripts", "AWS_API_CALL", None, Direction.UNKNOWN),
        ("Backdoor:EC2/SomethingNew", None, None, Direction.UNKNOWN),
    ],
)
def test_direction_is_the_same_in_asff_and_native(
    kind: str, action: str | None, connection: str | None, expected: Direction
) -> None:
    happened = {"actionType": action, "networkConnectionAction": {"connectionDirection": connection}}
    assert read(asff(kind, action=action, connection=connection)).direction is expected
    assert read(native(kind, action=happened)).direction is expected


def test_direction_under_the_keys_of_older_asff_and_in_action() -> None:
    older = {"action/actionType": NETWORK, "action/networkConnectionAction/connectionDirection": "INBOUND"}
    assert read(asff("UnauthorizedAccess:EC2/TorClient", ProductFields=older)).direction is Direction.INBOUND
    action = {"ActionType": NETWORK, "NetworkConnectionAction": {"ConnectionDirection": "INBOUND"}}
    assert read(asff("UnauthorizedAccess:EC2/TorClient", Action=action)).direction is Direction.INBOUND


@pytest.mark.parametrize(
    ("evidences", "expected"),
    [
        ([], Direction.UNKNOWN),
        ([{"query": {"hostname": "x.example.com"}}], Direction.OUTBOUND),
        ([{"connection_info": {"direction_id": 1}}], Direction.INBOUND),
        ([{"connection_info": {"direction_id": 2}}], Direction.OUTBOUND),
        ([{"connection_info": {"direction_id": 3}}], Direction.UNKNOWN),
        ([{"connection_info": {"direction": "Inbound"}}, {"x": 1}], Direction.INBOUND),
        ([{"connection_info": {"direction_id": 1}}, {"connection_info": {"direction_id": 2}}], Direction.UNKNOWN),
        (["x", {"connection_info": "y"}], Direction.UNKNOWN),
    ],
)
def test_direction_of_ocsf(evidences: list[Any], expected: Direction) -> None:
    assert read(ocsf("UnauthorizedAccess:EC2/SSHBruteForce", evidences=evidences)).direction is expected


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (asff(), False),
        (asff(RecordState="ARCHIVED"), True),
        (asff(ProductFields={"aws/guardduty/service/archived": "true"}), True),
        (asff(ProductFields={"archived": "false"}), False),
        (native(service={"archived": True}), True),
        (native(service={"archived": "true"}), True),
        (native(service={"archived": "false"}), False),
        (native(service={}), False),
        (ocsf(activity_id=2), False),
        (ocsf(activity_id=3), True),
        (ocsf(status_id=5), True),
    ],
)
def test_closed(finding: dict[str, Any], expected: bool) -> None:
    assert read(finding).closed is expected


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (asff(), Workflow.NEW),
        (asff(Workflow={"Status": "NOTIFIED"}), Workflow.NOTIFIED),
        (asff(Workflow={"Status": "SUPPRESSED"}), Workflow.SUPPRESSED),
        (asff(Workflow={"Status": "RESOLVED"}), Workflow.RESOLVED),
        (asff(Workflow={"Status": "NEW"}, WorkflowState="RESOLVED"), Workflow.NEW),
        (asff(Workflow={}, WorkflowState="RESOLVED"), Workflow.RESOLVED),
        (ocsf(), Workflow.NEW),
        (ocsf(status_id=2), Workflow.NOTIFIED),
        (ocsf(status_id=3), Workflow.SUPPRESSED),
        (ocsf(status_id=4), Workflow.RESOLVED),
        (native(), Workflow.NEW),
    ],
)
def test_workflow(finding: dict[str, Any], expected: Workflow) -> None:
    assert read(finding).workflow is expected


def _tagged() -> dict[str, Any]:
    made = native(title="GeneratedFinding [SAMPLE]")
    made["resource"]["instanceDetails"]["tags"] = [{"key": "GeneratedFindingInstaceTag1", "value": "sample"}]
    return made


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (asff(), False),
        (asff(Sample=True), True),
        (asff(Sample="true"), True),
        (asff(Sample="false"), False),
        (asff(instances=["i-99999999"]), True),
        (asff(ProductFields={"aws/guardduty/service/additionalInfo/sample": "true"}), True),
        (asff(ProductFields={"aws/guardduty/service/additionalInfo/value": '{"sample": true}'}), True),
        (asff(ProductFields={"aws/guardduty/service/additionalInfo/value": '{"sample": false}'}), False),
        (native(service={"additionalInfo": {"sample": True}}), True),
        (native(service={"additionalInfo": {"value": '{"sample":true}'}}), True),
        (native(service={"additionalInfo": {"sample": "false"}}), False),
        (native(instance="i-99999999"), True),
        (ocsf(instances=["i-99999999"]), True),
        (ocsf(evidences=[{"data": {"additional_info": {"sample": True}}}]), True),
        # What an attacker may write on a host makes no sample of a real finding.
        (_tagged(), False),
    ],
)
def test_sample(finding: dict[str, Any], expected: bool) -> None:
    assert read(finding).sample is expected


@pytest.mark.parametrize(
    "finding", [asff(instances=[INSTANCE, SECOND, INSTANCE]), ocsf(instances=[INSTANCE, SECOND, INSTANCE])]
)
def test_several_instances_each_once_in_order(finding: dict[str, Any]) -> None:
    assert read(finding).targets == tuple(Target("aws", ACCOUNT, REGION, instance) for instance in (INSTANCE, SECOND))


def test_at_most_fifty_targets() -> None:
    found = read(asff(instances=[f"i-{n:017x}" for n in range(70)]))
    assert [target.instance for target in found.targets] == [f"i-{n:017x}" for n in range(50)]


@pytest.mark.parametrize(
    ("partition", "region"),
    [("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1"), ("aws-iso-b", "us-isob-east-1")],
)
def test_other_partitions(partition: str, region: str) -> None:
    for made in (asff, ocsf, native):
        found = read(made(partition=partition, region=region))
        assert [target.arn for target in found.targets] == [instance_arn(partition=partition, region=region)]


@pytest.mark.parametrize("kind", ["AwsEc2Instance", "AWS::EC2::Instance"])
def test_resources_of_ocsf_by_arn_or_id_and_under_both_names(kind: str) -> None:
    finding = ocsf()
    finding["resources"] = [
        {"type": kind, "uid": instance_arn()},
        {"type": kind, "uid": SECOND},
        {"type": "AWS::EC2::VPC", "uid": "vpc-1"},
    ]
    assert [target.instance for target in read(finding).targets] == [INSTANCE, SECOND]


def test_asff_without_the_region_fields() -> None:
    finding = asff(Region=None)
    del finding["Resources"][0]["Region"]
    assert read(finding).region == REGION


def test_a_sequence_whose_signal_names_an_instance_that_is_not_listed() -> None:
    signals = [
        {"Type": "FINDING", "ResourceIds": [instance_arn(SECOND), f"arn:aws:iam::{ACCOUNT}:role/x", SECOND]},
        {"Type": "FLOW_LOGS", "ResourceIds": [instance_arn()]},
    ]
    finding = asff("AttackSequence:EC2/CompromisedInstanceGroup", Detection={"Sequence": {"Signals": signals}})
    assert [target.instance for target in read(finding).targets] == [SECOND]


def test_a_sequence_is_not_harmed_by_a_stranger_that_no_signal_names() -> None:
    signals = [{"Type": "FINDING", "ResourceIds": [instance_arn()]}]
    finding = asff("AttackSequence:EC2/CompromisedInstanceGroup", Detection={"Sequence": {"Signals": signals}})
    finding["Resources"].append({"Type": "AwsEc2Instance", "Id": instance_arn(SECOND, account="777788889999")})
    assert [target.instance for target in read(finding).targets] == [INSTANCE]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-02T10:15:30Z", datetime(2026, 3, 2, 10, 15, 30, tzinfo=UTC)),
        ("2026-03-02T10:15:30.5Z", datetime(2026, 3, 2, 10, 15, 30, 500_000, tzinfo=UTC)),
        ("2025-02-25 20:40:06.721", datetime(2025, 2, 25, 20, 40, 6, 721_000, tzinfo=UTC)),
        ("2025-02-25 20:40:06.000000000", datetime(2025, 2, 25, 20, 40, 6, tzinfo=UTC)),
        ("2026-03-02T12:15:30+02:00", datetime(2026, 3, 2, 10, 15, 30, tzinfo=UTC)),
        (1759523833911, datetime(2025, 10, 3, 20, 37, 13, 911_000, tzinfo=UTC)),
        (1759523833911.0, datetime(2025, 10, 3, 20, 37, 13, 911_000, tzinfo=UTC)),
        ("2026-02-30T10:15:30Z", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("2026-03-02", None),
        ("yesterday", None),
        ("", None),
        (0, None),
        (-5, None),
        (10**400, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        (None, None),
        ({}, None),
    ],
)
def test_times(value: object, expected: datetime | None) -> None:
    assert times.read(value) == expected


@pytest.mark.parametrize(("made", "dialect"), [(asff, Dialect.ASFF), (ocsf, Dialect.OCSF), (native, Dialect.NATIVE)])
def test_the_rest_is_the_same_in_every_dialect(made: Any, dialect: Dialect) -> None:
    found = read(made())
    assert found.dialect is dialect
    assert found.title == f"The EC2 instance {INSTANCE} did what Backdoor:EC2/C&CActivity.B!DNS says."
    assert found.first_seen_at == datetime(2026, 3, 2, 10, 15, 30, tzinfo=UTC)
    assert found.last_seen_at == datetime(2026, 3, 2, 10, 20, 30, tzinfo=UTC)
    assert found.created_at == datetime(2026, 3, 2, 10, 22, 0, 123_000, tzinfo=UTC)
    assert found.updated_at == datetime(2026, 3, 2, 10, 27, 0, 123_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("title", "expected"), [("x" * 600, "x" * 512), ("a\ud800b", "a?b"), ("\x1b[2J", "\x1b[2J"), (7, "")]
)
def test_title(title: Any, expected: str) -> None:
    assert read(asff(Title=title)).title == expected
