# SPDX-License-Identifier: Apache-2.0
"""Reads a finding of classic Security Hub, in the AWS Security Finding Format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from functions.finding import direction, severity, times
from functions.finding.errors import IgnoredError, RejectedError
from functions.finding.model import Dialect, Finding, Target, Workflow
from functions.finding.origin import Origin, agree, claims, prove, prove_product
from functions.finding.sample import is_sample
from functions.finding.shape import is_true, lenient, mapping, sequence, show, text
from functions.finding.targets import Resource, choose
from functions.finding.title import title_of
from functions.finding.types import natives

# The hub puts GuardDuty's own fields under the first prefix; before 2020 it put none.
_PREFIXES: Final = ("aws/guardduty/service/", "")
# WorkflowState is the older field, still sent beside Workflow.
_WORKFLOW_STATES: Final = {
    "IN_PROGRESS": Workflow.NOTIFIED,
    "DEFERRED": Workflow.SUPPRESSED,
    "RESOLVED": Workflow.RESOLVED,
}


def read(finding: Mapping[str, Any]) -> Finding:
    """Return the finding; raise FindingError if it is refused."""
    origin = _origin(finding)
    provider = mapping(finding.get("FindingProviderFields"), "FindingProviderFields")
    fields = mapping(finding.get("ProductFields"), "ProductFields")
    types = _types(provider, finding)
    resources = [mapping(entry, f"Resources[{n}]") for n, entry in enumerate(_resources(finding))]
    targets = choose(origin, types, [_resource(entry, n) for n, entry in enumerate(resources)], _signalled(finding))
    return Finding(
        id=origin.finding_id,
        dialect=Dialect.ASFF,
        types=types,
        partition=origin.partition,
        account=origin.account,
        region=origin.region,
        severity=severity.of_asff(
            mapping(provider.get("Severity"), "FindingProviderFields.Severity"),
            mapping(finding.get("Severity"), "Severity"),
            types[0],
        ),
        sample=_sample(finding, fields, resources, targets),
        direction=direction.derive(types, _action(finding, fields)),
        closed=finding.get("RecordState") == "ARCHIVED" or is_true(_field(fields, "archived")),
        workflow=_workflow(finding),
        targets=targets,
        title=title_of(finding.get("Title")),
        created_at=times.read(finding.get("CreatedAt")),
        updated_at=times.read(finding.get("UpdatedAt")),
        first_seen_at=times.read(finding.get("FirstObservedAt"), _field(fields, "eventFirstSeen")),
        last_seen_at=times.read(finding.get("LastObservedAt"), _field(fields, "eventLastSeen")),
        note_author=text(lenient(finding, "Note").get("UpdatedBy")),
        document=finding,
    )


def _origin(finding: Mapping[str, Any]) -> Origin:
    claimed = claims(finding.get("ProductName"), finding.get("Id"))
    product = prove_product(finding.get("ProductArn"), "ProductArn", folder="product", claimed=claimed)
    origin = prove(finding.get("Id"), finding.get("AwsAccountId"), arn_field="Id", account_field="AwsAccountId")
    agree(origin, "ProductArn", region=product.region, partition=product.partition)
    agree(origin, "the finding", region=finding.get("Region"))
    return origin


def _types(provider: Mapping[str, Any], finding: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the native types, from FindingProviderFields if it has any: customers can't edit those."""
    spellings = sequence(provider.get("Types"), "FindingProviderFields.Types") or sequence(
        finding.get("Types"), "Types"
    )
    if not spellings:
        raise RejectedError("the finding has no type")
    types = natives(spelling for spelling in spellings if isinstance(spelling, str))
    if not types:
        raise IgnoredError(f"{show(spellings[0])} is not a type that GuardDuty is known to give")
    return types


def _resources(finding: Mapping[str, Any]) -> list[Any]:
    return sequence(finding.get("Resources"), "Resources")


def _resource(resource: Mapping[str, Any], n: int) -> Resource:
    return Resource(
        where=f"Resources[{n}]",
        instance=resource.get("Type") in ("AwsEc2Instance", "AWS::EC2::Instance"),
        uid=resource.get("Id"),
        region=resource.get("Region"),
        partition=resource.get("Partition"),
        principal=lenient(resource, "Details", "AwsIamAccessKey").get("PrincipalId"),
    )


def _signalled(finding: Mapping[str, Any]) -> list[str]:
    """Return the ids of the resources that signals of type FINDING name."""
    detection = mapping(finding.get("Detection"), "Detection")
    signals = mapping(detection.get("Sequence"), "Detection.Sequence").get("Signals")
    ids: list[str] = []
    for n, entry in enumerate(sequence(signals, "Detection.Sequence.Signals")):
        where = f"Detection.Sequence.Signals[{n}]"
        signal = mapping(entry, where)
        if signal.get("Type") == "FINDING":
            named = sequence(signal.get("ResourceIds"), f"{where}.ResourceIds")
            ids += [name for name in named if isinstance(name, str)]
    return ids


def _field(fields: Mapping[str, Any], name: str) -> object:
    return next((fields[prefix + name] for prefix in _PREFIXES if prefix + name in fields), None)


def _action(finding: Mapping[str, Any], fields: Mapping[str, Any]) -> direction.Action:
    action = lenient(finding, "Action")
    connection = lenient(action, "NetworkConnectionAction")
    return direction.Action(
        kind=text(_field(fields, "action/actionType")) or text(action.get("ActionType")),
        connection=text(_field(fields, "action/networkConnectionAction/connectionDirection"))
        or text(connection.get("ConnectionDirection")),
    )


def _workflow(finding: Mapping[str, Any]) -> Workflow:
    status = mapping(finding.get("Workflow"), "Workflow").get("Status")
    if isinstance(status, str) and status.lower() in set(Workflow):
        return Workflow(status.lower())
    state = text(finding.get("WorkflowState"))
    return _WORKFLOW_STATES.get(state or "", Workflow.NEW)


def _sample(
    finding: Mapping[str, Any],
    fields: Mapping[str, Any],
    resources: list[Mapping[str, Any]],
    targets: tuple[Target, ...],
) -> bool:
    hosts = [lenient(resource, "Details", "AwsEc2Instance") for resource in resources]
    keys = [lenient(resource, "Details", "AwsIamAccessKey") for resource in resources]
    return is_sample(
        flags=(finding.get("Sample"), _field(fields, "additionalInfo/sample")),
        embedded=(_field(fields, "additionalInfo/value"), _field(fields, "additionalInfo")),
        ids=[host.get(name) for host in hosts for name in ("ImageId", "SubnetId", "VpcId")]
        + [key.get(name) for key in keys for name in ("AccessKeyId", "PrincipalId")],
        targets=targets,
    )
