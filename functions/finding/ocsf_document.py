# SPDX-License-Identifier: Apache-2.0
"""The ASFF-shaped document of an OCSF finding.

An instance's details are in the resource's ``data``, in newer findings in its ``device``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from functions.finding import times
from functions.finding.direction import Action
from functions.finding.document import Written, addresses_of, document, instance_resource, tags_of
from functions.finding.model import Severity, Target, Workflow
from functions.finding.origin import Origin
from functions.finding.shape import lenient, lenient_list, show, text

_ACCESS_KEY: Final = "AWS::IAM::AccessKey"
_KEY_FIELDS: Final = {
    "AccessKeyId": "access_key_id",
    "PrincipalId": "principal_id",
    "PrincipalName": "user_name",
    "PrincipalType": "user_type",
}


def build(
    origin: Origin,
    finding: Mapping[str, Any],
    *,
    types: tuple[str, ...],
    severity: Severity,
    sample: bool,
    closed: bool,
    workflow: Workflow,
    targets: tuple[Target, ...],
    action: Action,
) -> dict[str, Any]:
    """Return the document; what has been worked out of the finding already is handed in."""
    info = lenient(finding, "finding_info")
    written = Written(
        title=info.get("title"),
        description=info.get("desc"),
        created=_time(info, "created_time"),
        updated=_time(info, "modified_time"),
        first_seen=_time(info, "first_seen_time"),
        last_seen=_time(info, "last_seen_time"),
    )
    made = document(
        origin,
        written,
        types=types,
        severity=severity,
        sample=sample,
        closed=closed,
        workflow=workflow,
        product_fields=_product_fields(finding, written, action, closed=closed),
        resources=[
            *(_resource(target, finding.get("resources")) for target in targets),
            *_access_keys(origin, finding.get("resources")),
        ],
    )
    comment = text(finding.get("comment"))
    return made | ({"Note": {"Text": comment}} if comment else {})


def _time(info: Mapping[str, Any], name: str) -> str | None:
    written = text(info.get(f"{name}_dt"))
    moment = times.read(info.get(name))
    return written or (moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None)


def _product_fields(finding: Mapping[str, Any], written: Written, action: Action, *, closed: bool) -> dict[str, str]:
    evidences = [lenient(evidence) for evidence in lenient_list(finding.get("evidences"))]
    domains = [lenient(evidence, "query").get("hostname") for evidence in evidences]
    roles = [lenient(evidence, "data").get("resource_role") for evidence in evidences]
    count = finding.get("count")
    values = {
        "serviceName": "guardduty",
        "archived": "true" if closed else "false",
        "count": show(count) if isinstance(count, int) else None,
        "eventFirstSeen": written.first_seen,
        "eventLastSeen": written.last_seen,
        "resourceRole": _first(roles),
        "action/actionType": action.kind,
        "action/networkConnectionAction/connectionDirection": action.connection,
        "action/dnsRequestAction/domain": _first(domains),
    }
    return {f"aws/guardduty/service/{name}": value for name, value in values.items() if isinstance(value, str)}


def _first(values: list[object]) -> str | None:
    return next((value for value in values if isinstance(value, str) and value), None)


def _resource(target: Target, resources: object) -> dict[str, Any]:
    for entry in lenient_list(resources):
        resource = lenient(entry)
        if resource.get("uid") in (target.instance, target.arn):
            data = lenient(resource, "data") or lenient(resource, "device")
            tags = tags_of(resource.get("tags"), "name") or tags_of(data.get("tags"), "key")
            return instance_resource(target, _details(data), tags)
    return instance_resource(target, {}, {})


def _access_keys(origin: Origin, resources: object) -> list[dict[str, Any]]:
    """Return the access keys among the resources: those of roles' sessions, and those of IAM users."""
    found = []
    for entry in lenient_list(resources):
        resource = lenient(entry)
        if resource.get("type") != _ACCESS_KEY:
            continue
        data = lenient(resource, "data")
        details = {name: value for name, source in _KEY_FIELDS.items() if (value := text(data.get(source)))}
        found.append(
            {
                "Type": "AwsIamAccessKey",
                "Id": f"{_ACCESS_KEY}:{details.get('AccessKeyId', 'null')}",
                "Partition": origin.partition,
                "Region": origin.region,
                "Details": {"AwsIamAccessKey": details},
            }
        )
    return found


def _details(data: Mapping[str, Any]) -> dict[str, Any]:
    interfaces = data.get("network_interfaces")
    first = lenient(next(iter(lenient_list(interfaces)), None))
    started = times.read(data.get("launch_time"))
    return {
        "Type": text(data.get("instance_type")),
        "ImageId": text(data.get("image_id")),
        "VpcId": text(first.get("vpc_id")),
        "SubnetId": text(first.get("subnet_id")),
        "IpV4Addresses": addresses_of(interfaces, "private_ip_address", "public_ip"),
        "IamInstanceProfileArn": text(lenient(data, "iam_instance_profile").get("arn")),
        "LaunchedAt": started.isoformat(timespec="milliseconds").replace("+00:00", "Z") if started else None,
    }
