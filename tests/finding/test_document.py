# SPDX-License-Identifier: Apache-2.0
"""The document that ``where`` expressions see has one shape, whatever the dialect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import botocore.session
import jmespath
import pytest
from botocore.model import Shape, StructureShape

from functions.finding.document import flatten
from functions.finding.model import Finding
from functions.finding.parse import parse
from tests.finding.findings import ACCOUNT, INSTANCE, REGION, asff, envelope, instance_arn, native, ocsf

CONNECTION = {"actionType": "NETWORK_CONNECTION", "networkConnectionAction": {"connectionDirection": "OUTBOUND"}}


def document(finding: dict[str, Any]) -> Any:
    (found,) = parse(envelope(finding))
    assert isinstance(found, Finding), found
    return found.document


FINDINGS = [
    asff(action="NETWORK_CONNECTION", connection="OUTBOUND"),
    ocsf(evidences=[{"connection_info": {"direction_id": 2}}]),
    native(action=CONNECTION),
]


@pytest.mark.parametrize("finding", FINDINGS, ids=["asff", "ocsf", "native"])
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("AwsAccountId", ACCOUNT),
        ("Region", REGION),
        ("ProductName", "GuardDuty"),
        ("ProductArn", f"arn:aws:securityhub:{REGION}::product/aws/guardduty"),
        ("Types[0]", "TTPs/Command and Control/Backdoor:EC2-C&CActivity.B!DNS"),
        ("Severity.Label", "HIGH"),
        ("RecordState", "ACTIVE"),
        ("Workflow.Status", "NEW"),
        ("Sample", False),
        ("CreatedAt", "2026-03-02T10:22:00.123Z"),
        ("FirstObservedAt", "2026-03-02T10:15:30.000Z"),
        ("Resources[0].Type", "AwsEc2Instance"),
        ("Resources[0].Id", instance_arn()),
        ("Resources[0].Tags.Name", "web-1"),
        ("Resources[0].Details.AwsEc2Instance.Type", "m6i.large"),
        ("Resources[0].Details.AwsEc2Instance.ImageId", "ami-0abcdef1234567890"),
        ("Resources[0].Details.AwsEc2Instance.VpcId", "vpc-0a1b2c3d4e5f60718"),
        ("Resources[0].Details.AwsEc2Instance.IpV4Addresses", ["198.51.100.7", "10.0.1.10"]),
        ("Resources[0].Details.AwsEc2Instance.LaunchedAt", "2026-02-01T08:00:00.000Z"),
        ('ProductFields."aws/guardduty/service/count"', "3"),
        ('ProductFields."aws/guardduty/service/archived"', "false"),
        ('ProductFields."aws/guardduty/service/action/actionType"', "NETWORK_CONNECTION"),
        ('ProductFields."aws/guardduty/service/action/networkConnectionAction/connectionDirection"', "OUTBOUND"),
    ],
)
def test_one_expression_for_every_dialect(finding: dict[str, Any], expression: str, expected: Any) -> None:
    assert jmespath.search(expression, document(finding)) == expected


def test_a_classic_finding_is_its_own_document() -> None:
    finding = asff()
    assert document(finding) == finding


def _strays(value: Any, shape: Shape, path: str = "") -> Iterator[str]:
    """Yield the paths of a document that AWS's own model of a finding doesn't know."""
    if isinstance(shape, StructureShape):
        for key, entry in value.items():
            if key not in shape.members:
                yield f"{path}.{key}"
            else:
                yield from _strays(entry, shape.members[key], f"{path}.{key}")
    elif shape.type_name == "list":
        for entry in value:
            yield from _strays(entry, shape.member, f"{path}[]")  # type: ignore[attr-defined]
    elif shape.type_name == "string" and not isinstance(value, str):
        yield f"{path} is no string"


@pytest.mark.parametrize("finding", [ocsf(comment="checked"), native(action=CONNECTION)], ids=["ocsf", "native"])
def test_documents_hold_nothing_that_asff_does_not_have(finding: dict[str, Any]) -> None:
    model = botocore.session.get_session().get_service_model("securityhub")
    assert list(_strays(document(finding), model.shape_for("AwsSecurityFinding"))) == []


def test_an_access_key_is_in_the_document_of_a_native_finding() -> None:
    finding = native("UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS", instance=None)
    key = {"accessKeyId": "ASIAEXAMPLEEXAMPLE00", "principalId": f"AROAEXAMPLE:{INSTANCE}", "userName": "web"}
    finding["resource"] = {"accessKeyDetails": key}
    found = document(finding)
    assert [resource["Type"] for resource in found["Resources"]] == ["AwsEc2Instance", "AwsIamAccessKey"]
    assert found["Resources"][1]["Details"]["AwsIamAccessKey"]["UserName"] == "web"


def test_flatten_writes_as_the_classic_hub_does() -> None:
    service = {
        "archived": False,
        "count": 8,
        "evidence": {"threatIntelligenceDetails": [{"threatNames": ["A", "B"], "threatListName": "L"}]},
        "additionalInfo": {},
        "names": [],
        "userFeedback": None,
    }
    assert flatten(service) == {
        "aws/guardduty/service/archived": "false",
        "aws/guardduty/service/count": "8",
        "aws/guardduty/service/evidence/threatIntelligenceDetails.0_/threatNames.0_": "A",
        "aws/guardduty/service/evidence/threatIntelligenceDetails.0_/threatNames.1_": "B",
        "aws/guardduty/service/evidence/threatIntelligenceDetails.0_/threatListName": "L",
        "aws/guardduty/service/additionalInfo": "",
        "aws/guardduty/service/names": "[]",
        "aws/guardduty/service/userFeedback": "",
    }


def test_flatten_is_bounded() -> None:
    assert len(flatten({f"k{n}": n for n in range(5_000)})) == 2_000
