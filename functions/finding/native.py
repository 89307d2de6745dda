# SPDX-License-Identifier: Apache-2.0
"""Reads a finding as GuardDuty itself sends it to EventBridge, in camel case.

Such an event can't be forged: its source begins with ``aws.``. It names no product and gives the instance without
an ARN, so account and Region are checked against the finding's own ARN. Severity and ``service`` may be absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from functions.finding import direction, severity, times
from functions.finding.document import (
    Written,
    addresses_of,
    document,
    flatten,
    instance_resource,
    tags_of,
)
from functions.finding.errors import IgnoredError, RejectedError
from functions.finding.model import Dialect, Finding, Target, Workflow
from functions.finding.origin import Origin, agree, prove
from functions.finding.sample import is_sample
from functions.finding.shape import is_true, kind, lenient, lenient_list, mapping, sequence, show, text
from functions.finding.targets import Resource, choose
from functions.finding.title import title_of
from functions.finding.types import natives

_EC2_INSTANCE: Final = "EC2_INSTANCE"
_KEY_FIELDS: Final = {
    "AccessKeyId": "accessKeyId",
    "PrincipalId": "principalId",
    "UserName": "userName",
    "PrincipalType": "userType",
}


def read(finding: Mapping[str, Any]) -> Finding:
    """Return the finding; raise FindingError if it is refused."""
    origin = prove(finding.get("arn"), finding.get("accountId"), arn_field="arn", account_field="accountId")
    if finding.get("region") is None:
        raise RejectedError("region is missing")
    agree(origin, "the finding", region=finding["region"], partition=finding.get("partition"))
    types = _types(finding)
    service = mapping(finding.get("service"), "service")
    resource = mapping(finding.get("resource"), "resource")
    instance = mapping(resource.get("instanceDetails"), "resource.instanceDetails")
    steps = mapping(
        mapping(service.get("detection"), "service.detection").get("sequence"), "service.detection.sequence"
    )
    targets = choose(origin, types, _resources(resource, instance, steps), _signalled(steps))
    grade = severity.of_native(finding.get("severity"), types[0])
    closed = is_true(service.get("archived"))
    sample = _sample(service, resource, instance, targets)
    return Finding(
        id=origin.finding_id,
        dialect=Dialect.NATIVE,
        types=types,
        partition=origin.partition,
        account=origin.account,
        region=origin.region,
        severity=grade,
        sample=sample,
        direction=direction.derive(types, _action(service)),
        closed=closed,
        workflow=Workflow.NEW,
        targets=targets,
        title=title_of(finding.get("title")),
        created_at=times.read(finding.get("createdAt")),
        updated_at=times.read(finding.get("updatedAt")),
        first_seen_at=times.read(service.get("eventFirstSeen")),
        last_seen_at=times.read(service.get("eventLastSeen")),
        note_author=None,
        document=document(
            origin,
            _written(finding, service),
            types=types,
            severity=grade,
            sample=sample,
            closed=closed,
            workflow=Workflow.NEW,
            product_fields=flatten(service),
            resources=_document_resources(origin, resource, instance, targets),
        ),
    )


def _types(finding: Mapping[str, Any]) -> tuple[str, ...]:
    name = finding.get("type")
    if name is None or name == "":
        raise RejectedError("the finding has no type")
    if not isinstance(name, str):
        raise RejectedError(f"type should be a string, not {kind(name)}")
    types = natives([name])
    if not types:
        raise IgnoredError(f"{show(name)} is not a type that GuardDuty is known to give")
    return types


def _resources(resource: Mapping[str, Any], instance: Mapping[str, Any], steps: Mapping[str, Any]) -> list[Resource]:
    found = []
    if instance:
        found.append(
            Resource("resource.instanceDetails", instance=True, uid=instance.get("instanceId")),
        )
    where = "service.detection.sequence.resources"
    for n, entry in enumerate(sequence(steps.get("resources"), where)):
        item = mapping(entry, f"{where}[{n}]")
        found.append(
            Resource(
                where=f"{where}[{n}]",
                instance=item.get("resourceType") == _EC2_INSTANCE,
                uid=item.get("uid"),
                account=item.get("accountId"),
                region=item.get("region"),
                partition=item.get("cloudPartition"),
            )
        )
    key = lenient(resource, "accessKeyDetails")
    return [*found, Resource("resource.accessKeyDetails", instance=False, principal=key.get("principalId"))]


def _signalled(steps: Mapping[str, Any]) -> list[str]:
    """Return the ids of the resources that signals of type FINDING name."""
    ids: list[str] = []
    where = "service.detection.sequence.signals"
    for n, entry in enumerate(sequence(steps.get("signals"), where)):
        signal = mapping(entry, f"{where}[{n}]")
        if signal.get("type") == "FINDING":
            named = sequence(signal.get("resourceUids"), f"{where}[{n}].resourceUids")
            ids += [name for name in named if isinstance(name, str)]
    return ids


def _action(service: Mapping[str, Any]) -> direction.Action:
    action = lenient(service, "action")
    return direction.Action(
        kind=text(action.get("actionType")),
        connection=text(lenient(action, "networkConnectionAction").get("connectionDirection")),
    )


def _sample(
    service: Mapping[str, Any], resource: Mapping[str, Any], instance: Mapping[str, Any], targets: tuple[Target, ...]
) -> bool:
    info = service.get("additionalInfo")
    key = lenient(resource, "accessKeyDetails")
    return is_sample(
        flags=(lenient(info).get("sample"),),
        embedded=(info, lenient(info).get("value")),
        ids=(
            instance.get("imageId"),
            instance.get("availabilityZone"),
            key.get("accessKeyId"),
            key.get("principalId"),
        ),
        targets=targets,
    )


def _written(finding: Mapping[str, Any], service: Mapping[str, Any]) -> Written:
    return Written(
        title=finding.get("title"),
        description=finding.get("description"),
        created=finding.get("createdAt"),
        updated=finding.get("updatedAt"),
        first_seen=service.get("eventFirstSeen"),
        last_seen=service.get("eventLastSeen"),
    )


def _document_resources(
    origin: Origin, resource: Mapping[str, Any], instance: Mapping[str, Any], targets: tuple[Target, ...]
) -> list[dict[str, Any]]:
    described = {"details": _details(instance), "tags": tags_of(instance.get("tags"), "key")}
    nothing: dict[str, Any] = {"details": {}, "tags": {}}
    found = [
        instance_resource(target, **(described if target.instance == instance.get("instanceId") else nothing))
        for target in targets
    ]
    key = lenient(resource, "accessKeyDetails")
    if key:
        details = {name: value for name, source in _KEY_FIELDS.items() if (value := text(key.get(source)))}
        found.append(
            {
                "Type": "AwsIamAccessKey",
                "Id": f"AWS::IAM::AccessKey:{details.get('AccessKeyId', 'null')}",
                "Partition": origin.partition,
                "Region": origin.region,
                "Details": {"AwsIamAccessKey": details},
            }
        )
    return found


def _details(instance: Mapping[str, Any]) -> dict[str, Any]:
    interfaces = instance.get("networkInterfaces")
    first = lenient(next(iter(lenient_list(interfaces)), None))
    return {
        "Type": text(instance.get("instanceType")),
        "ImageId": text(instance.get("imageId")),
        "VpcId": text(first.get("vpcId")),
        "SubnetId": text(first.get("subnetId")),
        "IpV4Addresses": addresses_of(interfaces, "privateIpAddress", "publicIp"),
        "IamInstanceProfileArn": text(lenient(instance, "iamInstanceProfile").get("arn")),
        "LaunchedAt": text(instance.get("launchTime")),
    }
