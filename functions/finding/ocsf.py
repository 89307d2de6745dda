# SPDX-License-Identifier: Apache-2.0
"""Reads a finding of the new Security Hub, an OCSF Detection Finding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from functions.finding import direction, ocsf_document, severity, times
from functions.finding.errors import IgnoredError, RejectedError
from functions.finding.model import Dialect, Finding, Target, Workflow
from functions.finding.origin import Origin, agree, claims, prove, prove_product
from functions.finding.sample import is_sample
from functions.finding.shape import lenient, lenient_list, mapping, sequence, show, text
from functions.finding.targets import Resource, choose
from functions.finding.title import title_of
from functions.finding.types import natives

_INSTANCE_TYPES: Final = ("AWS::EC2::Instance", "AwsEc2Instance")
_CLOSE: Final = 3
# OCSF's status_id: 1 new, 2 in progress, 3 suppressed, 4 resolved; 5 archived and 6 deleted are closed to us.
_WORKFLOWS: Final = {2: Workflow.NOTIFIED, 3: Workflow.SUPPRESSED, 4: Workflow.RESOLVED}
_CLOSED_STATUSES: Final = (5, 6)
_DIRECTIONS: Final = {1: "INBOUND", 2: "OUTBOUND"}


def read(finding: Mapping[str, Any]) -> Finding:
    """Return the finding; raise FindingError if it is refused."""
    info = mapping(finding.get("finding_info"), "finding_info")
    origin = _origin(finding, info)
    types = _types(info)
    entries = [
        mapping(entry, f"resources[{n}]") for n, entry in enumerate(sequence(finding.get("resources"), "resources"))
    ]
    targets = choose(origin, types, _resources(entries), _signalled(info))
    grade = severity.of_ocsf(mapping(finding.get("vendor_attributes"), "vendor_attributes"), finding, types[0])
    evidences = [lenient(entry) for entry in lenient_list(finding.get("evidences"))]
    action = _action(evidences)
    closed = _closed(finding)
    workflow = _workflow(finding)
    sample = _sample(evidences, entries, targets)
    return Finding(
        id=origin.finding_id,
        dialect=Dialect.OCSF,
        types=types,
        partition=origin.partition,
        account=origin.account,
        region=origin.region,
        severity=grade,
        sample=sample,
        direction=direction.derive(types, action),
        closed=closed,
        workflow=workflow,
        targets=targets,
        title=title_of(info.get("title")),
        created_at=_moment(info, "created_time"),
        updated_at=_moment(info, "modified_time"),
        first_seen_at=_moment(info, "first_seen_time"),
        last_seen_at=_moment(info, "last_seen_time"),
        # OCSF keeps a comment, but not whose it is.
        note_author=None,
        document=ocsf_document.build(
            origin,
            finding,
            types=types,
            severity=grade,
            sample=sample,
            closed=closed,
            workflow=workflow,
            targets=targets,
            action=action,
        ),
    )


def _origin(finding: Mapping[str, Any], info: Mapping[str, Any]) -> Origin:
    product = mapping(mapping(finding.get("metadata"), "metadata").get("product"), "metadata.product")
    field = "metadata.product.uid"
    claimed = claims(product.get("name"), info.get("uid"))
    parts = prove_product(product.get("uid"), field, folder="productv2", claimed=claimed)
    cloud = mapping(finding.get("cloud"), "cloud")
    account = mapping(cloud.get("account"), "cloud.account").get("uid")
    origin = prove(info.get("uid"), account, arn_field="finding_info.uid", account_field="cloud.account.uid")
    agree(origin, field, region=parts.region, partition=parts.partition)
    agree(origin, "cloud", region=cloud.get("region"), partition=cloud.get("cloud_partition"))
    return origin


def _types(info: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the native types; the word "Threats" often stands before them."""
    listed = sequence(info.get("types"), "finding_info.types")
    if not listed:
        raise RejectedError("the finding has no type")
    types = natives(name for name in listed if isinstance(name, str))
    if not types:
        raise IgnoredError(f"{show(listed[-1])} is not a type that GuardDuty is known to give")
    return types


def _resources(entries: list[Mapping[str, Any]]) -> list[Resource]:
    found = []
    for n, entry in enumerate(entries):
        where = f"resources[{n}]"
        owner = mapping(mapping(entry.get("owner"), f"{where}.owner").get("account"), f"{where}.owner.account")
        data = lenient(entry, "data")
        found.append(
            Resource(
                where=where,
                instance=entry.get("type") in _INSTANCE_TYPES,
                uid=entry.get("uid"),
                account=owner.get("uid"),
                region=entry.get("region"),
                partition=entry.get("cloud_partition"),
                principal=data.get("principal_id"),
                others=(entry.get("uid_alt"), data.get("instance_id")),
            )
        )
    return found


def _signalled(info: Mapping[str, Any]) -> list[str]:
    """Return the ids of the resources that related events of type FINDING point to.

    OCSF links an event to resources by its observables. Where a sequence comes without them, nothing is named:
    the signals' own findings arrive by themselves and say which host it is.
    """
    ids: list[str] = []
    for n, entry in enumerate(sequence(info.get("related_events"), "finding_info.related_events")):
        where = f"finding_info.related_events[{n}]"
        event = mapping(entry, where)
        if event.get("type") != "FINDING":
            continue
        observables = sequence(event.get("observables"), f"{where}.observables")
        values = [lenient(observable).get("value") for observable in observables]
        ids += [value for value in values if isinstance(value, str)]
    return ids


def _action(evidences: list[Mapping[str, Any]]) -> direction.Action:
    """Return what happened: a DNS query, or a connection in a direction on which all evidence agrees."""
    if any(lenient(evidence, "query") for evidence in evidences):
        return direction.Action("DNS_REQUEST")
    ways = {way for evidence in evidences if (way := _way(lenient(evidence, "connection_info")))}
    if not ways:
        return direction.Action()
    return direction.Action("NETWORK_CONNECTION", ways.pop() if len(ways) == 1 else None)


def _way(connection: Mapping[str, Any]) -> str | None:
    """Return the direction as GuardDuty itself spells it; None if the connection says nothing about it."""
    number = connection.get("direction_id")
    if isinstance(number, int):
        return _DIRECTIONS.get(number, "UNKNOWN")
    return (text(connection.get("direction")) or "").upper() or None


def _closed(finding: Mapping[str, Any]) -> bool:
    return finding.get("activity_id") == _CLOSE or finding.get("status_id") in _CLOSED_STATUSES


def _workflow(finding: Mapping[str, Any]) -> Workflow:
    number = finding.get("status_id")
    return _WORKFLOWS.get(number, Workflow.NEW) if isinstance(number, int) else Workflow.NEW


def _moment(info: Mapping[str, Any], name: str) -> Any:
    return times.read(info.get(f"{name}_dt"), info.get(name))


def _sample(evidences: list[Mapping[str, Any]], entries: list[Mapping[str, Any]], targets: tuple[Target, ...]) -> bool:
    data = [lenient(evidence, "data") for evidence in evidences]
    details = [lenient(entry, "data") for entry in entries]
    return is_sample(
        flags=[entry.get("sample") for entry in data]
        + [lenient(entry, "additional_info").get("sample") for entry in data],
        embedded=[lenient(entry, "additional_info").get("value") for entry in data],
        ids=[
            detail.get(name)
            for detail in details
            for name in ("image_id", "availability_zone", "access_key_id", "principal_id")
        ],
        targets=targets,
    )
