# SPDX-License-Identifier: Apache-2.0
"""Synthetic findings in the three dialects, for every test that needs one.

Each function returns a fresh dictionary that a test may change; ``envelope`` wraps findings of one dialect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functions.finding.types import asff as asff_spelling

HUB = "111122223333"
ACCOUNT = "444455556666"
REGION = "eu-west-1"
INSTANCE = "i-0a1b2c3d4e5f60718"
DETECTOR = "12abc34d567e8fa901bc2d34e56789f0"
FINDING = "46ba0ac2845071e23ccdeb2ae03bfdea"
TYPE = "Backdoor:EC2/C&CActivity.B!DNS"
VICTIM_PRINCIPAL = f"AROAEXAMPLEEXAMPLE123:{INSTANCE}"

Json = dict[str, Any]


def finding_arn(*, account: str = ACCOUNT, region: str = REGION, partition: str = "aws", finding: str = FINDING) -> str:
    return f"arn:{partition}:guardduty:{region}:{account}:detector/{DETECTOR}/finding/{finding}"


def instance_arn(
    instance: str = INSTANCE, *, account: str = ACCOUNT, region: str = REGION, partition: str = "aws"
) -> str:
    return f"arn:{partition}:ec2:{region}:{account}:instance/{instance}"


def asff(
    kind: str = TYPE,
    *,
    account: str = ACCOUNT,
    region: str = REGION,
    partition: str = "aws",
    finding: str = FINDING,
    instances: Sequence[str] = (INSTANCE,),
    score: float = 8.0,
    label: str = "HIGH",
    spelling: str | None = None,
    action: str | None = None,
    connection: str | None = None,
    **changes: Any,
) -> Json:
    """Return a finding of classic Security Hub; ``changes`` replace top-level keys, None takes one away."""
    spelt = [spelling or asff_spelling(kind)]
    grade = {"Label": label, "Product": score, "Normalized": int(score * 10)}
    fields = {
        "aws/guardduty/service/serviceName": "guardduty",
        "aws/guardduty/service/archived": "false",
        "aws/guardduty/service/count": "3",
        "aws/guardduty/service/resourceRole": "TARGET",
    }
    if action:
        fields["aws/guardduty/service/action/actionType"] = action
    if connection:
        fields["aws/guardduty/service/action/networkConnectionAction/connectionDirection"] = connection
    made: Json = {
        "SchemaVersion": "2018-10-08",
        "Id": finding_arn(account=account, region=region, partition=partition, finding=finding),
        "ProductArn": f"arn:{partition}:securityhub:{region}::product/aws/guardduty",
        "ProductName": "GuardDuty",
        "CompanyName": "Amazon",
        "Region": region,
        "GeneratorId": f"arn:{partition}:guardduty:{region}:{account}:detector/{DETECTOR}",
        "AwsAccountId": account,
        "Types": spelt,
        "FirstObservedAt": "2026-03-02T10:15:30.000Z",
        "LastObservedAt": "2026-03-02T10:20:30.000Z",
        "CreatedAt": "2026-03-02T10:22:00.123Z",
        "UpdatedAt": "2026-03-02T10:27:00.123Z",
        "Severity": grade,
        "Title": f"The EC2 instance {', '.join(instances)} did what {kind} says.",
        "Description": "A finding of our own writing.",
        "ProductFields": fields,
        "Resources": [
            {
                "Type": "AwsEc2Instance",
                "Id": instance_arn(instance, account=account, region=region, partition=partition),
                "Partition": partition,
                "Region": region,
                "Tags": {"Name": "web-1"},
                "Details": {
                    "AwsEc2Instance": {
                        "Type": "m6i.large",
                        "ImageId": "ami-0abcdef1234567890",
                        "VpcId": "vpc-0a1b2c3d4e5f60718",
                        "SubnetId": "subnet-0a1b2c3d4e5f60718",
                        "IpV4Addresses": ["198.51.100.7", "10.0.1.10"],
                        "LaunchedAt": "2026-02-01T08:00:00.000Z",
                    }
                },
            }
            for instance in instances
        ],
        "WorkflowState": "NEW",
        "Workflow": {"Status": "NEW"},
        "RecordState": "ACTIVE",
        "FindingProviderFields": {"Severity": dict(grade), "Types": list(spelt)},
        "Sample": False,
    }
    return _changed(made, changes)


def ocsf(
    kind: str = TYPE,
    *,
    account: str = ACCOUNT,
    region: str = REGION,
    partition: str = "aws",
    finding: str = FINDING,
    instances: Sequence[str] = (INSTANCE,),
    severity_id: int = 4,
    evidences: Sequence[Json] = (),
    **changes: Any,
) -> Json:
    """Return a finding of the new Security Hub; ``changes`` replace top-level keys, None takes one away."""
    owner = {"account": {"type": "AWS Account", "type_id": 10, "uid": account}}
    made: Json = {
        "activity_id": 1,
        "activity_name": "Create",
        "category_uid": 2,
        "class_name": "Detection Finding",
        "class_uid": 2004,
        "cloud": {**owner, "cloud_partition": partition, "provider": "AWS", "region": region},
        "count": 3,
        "evidences": list(evidences),
        "finding_info": {
            "created_time": 1772446920123,
            "created_time_dt": "2026-03-02T10:22:00.123Z",
            "desc": "A finding of our own writing.",
            "first_seen_time_dt": "2026-03-02T10:15:30.000Z",
            "last_seen_time_dt": "2026-03-02T10:20:30.000Z",
            "modified_time_dt": "2026-03-02T10:27:00.123Z",
            "title": f"The EC2 instance {', '.join(instances)} did what {kind} says.",
            "types": ["Threats", kind],
            "uid": finding_arn(account=account, region=region, partition=partition, finding=finding),
        },
        "metadata": {
            "product": {
                "name": "GuardDuty",
                "uid": f"arn:{partition}:securityhub:{region}::productv2/aws/guardduty",
                "vendor_name": "AWS",
            },
            "profiles": ["cloud", "datetime"],
            "uid": "e" * 64,
            "version": "1.6.0",
        },
        "resources": [
            {
                "cloud_partition": partition,
                "data": {
                    "instance_id": instance,
                    "instance_type": "m6i.large",
                    "image_id": "ami-0abcdef1234567890",
                    "launch_time": 1769932800000,
                    "network_interfaces": [
                        {
                            "private_ip_address": "10.0.1.10",
                            "public_ip": "198.51.100.7",
                            "subnet_id": "subnet-0a1b2c3d4e5f60718",
                            "vpc_id": "vpc-0a1b2c3d4e5f60718",
                        }
                    ],
                },
                "owner": owner,
                "region": region,
                "tags": [{"name": "Name", "value": "web-1"}],
                "type": "AWS::EC2::Instance",
                "uid": instance,
                "uid_alt": instance_arn(instance, account=account, region=region, partition=partition),
            }
            for instance in instances
        ],
        "severity": "High",
        "severity_id": severity_id,
        "status": "New",
        "status_id": 1,
        "vendor_attributes": {"severity": "High", "severity_id": severity_id},
    }
    return _changed(made, changes)


def native(
    kind: str = TYPE,
    *,
    account: str = ACCOUNT,
    region: str = REGION,
    partition: str = "aws",
    finding: str = FINDING,
    instance: str | None = INSTANCE,
    score: float = 8.0,
    action: Json | None = None,
    **changes: Any,
) -> Json:
    """Return a finding of GuardDuty itself; ``changes`` replace top-level keys, None takes one away."""
    details = {
        "instanceId": instance,
        "instanceType": "m6i.large",
        "imageId": "ami-0abcdef1234567890",
        "launchTime": "2026-02-01T08:00:00.000Z",
        "networkInterfaces": [
            {
                "privateIpAddress": "10.0.1.10",
                "publicIp": "198.51.100.7",
                "subnetId": "subnet-0a1b2c3d4e5f60718",
                "vpcId": "vpc-0a1b2c3d4e5f60718",
            }
        ],
        "tags": [{"key": "Name", "value": "web-1"}],
    }
    made: Json = {
        "schemaVersion": "2.0",
        "accountId": account,
        "region": region,
        "partition": partition,
        "id": finding,
        "arn": finding_arn(account=account, region=region, partition=partition, finding=finding),
        "type": kind,
        "resource": {"resourceType": "Instance", "instanceDetails": details} if instance else {},
        "service": {
            "serviceName": "guardduty",
            "detectorId": DETECTOR,
            "action": action or {},
            "resourceRole": "TARGET",
            "additionalInfo": {"value": "{}", "type": "default"},
            "eventFirstSeen": "2026-03-02T10:15:30.000Z",
            "eventLastSeen": "2026-03-02T10:20:30.000Z",
            "archived": False,
            "count": 3,
        },
        "severity": score,
        "createdAt": "2026-03-02T10:22:00.123Z",
        "updatedAt": "2026-03-02T10:27:00.123Z",
        "title": f"The EC2 instance {instance} did what {kind} says.",
        "description": "A finding of our own writing.",
    }
    return _changed(made, changes)


def envelope(*findings: Json, detail_type: str | None = None) -> Json:
    """Return the EventBridge event around findings, which are all of one dialect and of that of the first."""
    first = findings[0]
    source = "aws.securityhub"
    detail: Json = {"findings": list(findings)}
    if "finding_info" in first:
        usual = "Findings Imported V2"
    elif "ProductArn" in first:
        usual = "Security Hub Findings - Imported"
    else:
        source, usual, detail = "aws.guardduty", "GuardDuty Finding", first
    return {
        "version": "0",
        "id": "aa998ee8-0000-4cca-579a-ccc83010dd34",
        "detail-type": detail_type or usual,
        "source": source,
        "account": HUB,
        "time": "2026-03-02T10:27:05Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": detail,
    }


def _changed(made: Json, changes: Json) -> Json:
    return {key: value for key, value in (made | changes).items() if value is not None}
