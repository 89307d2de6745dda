# SPDX-License-Identifier: Apache-2.0
"""The ASFF-shaped document that policy's ``where`` expressions see for findings of the other dialects.

With one shape, a rule is written once. The keys are those that the classic hub would have written, as far as the
finding has the facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from functions.finding.model import Severity, Target, Workflow
from functions.finding.origin import Origin
from functions.finding.shape import lenient, lenient_list, show, text
from functions.finding.types import asff

_SCHEMA: Final = "2018-10-08"
_SERVICE: Final = "aws/guardduty/service"
_DEEPEST: Final = 12
_MOST_FIELDS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Written:
    """What of a finding goes into its document as it stood there. Times are text, or None."""

    title: object
    description: object
    created: object
    updated: object
    first_seen: object
    last_seen: object


def document(
    origin: Origin,
    written: Written,
    *,
    types: Iterable[str],
    severity: Severity,
    sample: bool,
    closed: bool,
    workflow: Workflow,
    product_fields: Mapping[str, str],
    resources: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the document. Keys without a value are left out, as in ASFF."""
    everything = {
        "SchemaVersion": _SCHEMA,
        "Id": origin.finding_id,
        "ProductArn": f"arn:{origin.partition}:securityhub:{origin.region}::product/aws/guardduty",
        "ProductName": "GuardDuty",
        "CompanyName": "Amazon",
        "GeneratorId": origin.finding_id.rpartition("/finding/")[0],
        "AwsAccountId": origin.account,
        "Region": origin.region,
        "Types": [asff(name) for name in types],
        "Severity": _present({"Label": severity.label.value.upper(), "Product": severity.score}),
        "Title": text(written.title),
        "Description": text(written.description),
        "CreatedAt": text(written.created),
        "UpdatedAt": text(written.updated),
        "FirstObservedAt": text(written.first_seen),
        "LastObservedAt": text(written.last_seen),
        "RecordState": "ARCHIVED" if closed else "ACTIVE",
        "Workflow": {"Status": workflow.value.upper()},
        "Sample": sample,
        "ProductFields": dict(product_fields),
        "Resources": list(resources),
    }
    return _present(everything)


def instance_resource(target: Target, details: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the instance as an ASFF resource."""
    return _present(
        {
            "Type": "AwsEc2Instance",
            "Id": target.arn,
            "Partition": target.partition,
            "Region": target.region,
            "Tags": dict(tags) or None,
            "Details": {"AwsEc2Instance": _present(details)},
        }
    )


def tags_of(tags: object, key: str) -> dict[str, str]:
    """Return a list of objects with ``key`` and ``value`` as a mapping, without what doesn't fit."""
    return {
        tag[key]: tag["value"]
        for tag in lenient_list(tags)
        if isinstance(tag, Mapping) and isinstance(tag.get(key), str) and isinstance(tag.get("value"), str)
    }


def addresses_of(interfaces: object, private: str, public: str) -> list[str]:
    """Return the IPv4 addresses of a list of network interfaces; the arguments name the keys."""
    found = []
    for interface in lenient_list(interfaces):
        listed = [lenient(entry).get(private) for entry in lenient_list(lenient(interface).get(f"{private}es"))]
        found += [lenient(interface).get(public), lenient(interface).get(private), *listed]
    return list(dict.fromkeys(address for address in found if isinstance(address, str) and address))


def flatten(service: object) -> dict[str, str]:
    """Return a native ``service`` object as the classic hub flattens it into ProductFields.

    Values are strings; keys are paths, entries of a list carry ``.N_``. Depth and number are bounded.
    """
    fields: dict[str, str] = {}
    waiting: list[tuple[str, object, int]] = [(_SERVICE, service, 0)]
    while waiting and len(fields) < _MOST_FIELDS:
        path, value, depth = waiting.pop()
        if depth > _DEEPEST:
            continue
        if isinstance(value, Mapping) and value:
            waiting += [(f"{path}/{key}", entry, depth + 1) for key, entry in reversed(list(value.items()))]
        elif isinstance(value, list) and value:
            waiting += [(f"{path}.{n}_", value[n], depth + 1) for n in reversed(range(len(value)))]
        else:
            fields[path] = _scalar(value)
    return fields


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, Mapping):
        return ""
    return "[]" if isinstance(value, list) else show(value)


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, [])}
