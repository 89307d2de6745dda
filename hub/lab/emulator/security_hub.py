# SPDX-License-Identifier: Apache-2.0
"""Security Hub: findings are imported, updated and read, and each change is an event.

A finding is seen by the account that it is about, and by the delegated administrator: in the finding's Region and, by
aggregation, in the home Region. Which fields an import can't overwrite is from the API reference of
BatchImportFindings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hub.lab.organization import LabWorld
from hub.simulation.wire import Answer, error_answer

IMPORTED = "Security Hub Findings - Imported"
_KEPT = ("Note", "UserDefinedFields", "VerificationState", "Workflow")
_UPDATED = ("Confidence", "Criticality", "Note", "RelatedFindings", "Severity", "Types", *_KEPT[1:])
_REQUIRED = ("AwsAccountId", "CreatedAt", "Description", "GeneratorId", "Id", "ProductArn", "Resources")
_REQUIRED_TOO = ("SchemaVersion", "Title", "UpdatedAt")
_FILTERS = {"Id": "Id", "AwsAccountId": "AwsAccountId", "ProductArn": "ProductArn", "RecordState": "RecordState"}

Finding = dict[str, Any]
Place = tuple[str, str]


class SecurityHub:
    """The service, in every account and Region of the lab."""

    def __init__(self, world: LabWorld) -> None:
        self._world = world
        self._findings: dict[Place, dict[tuple[str, str], Finding]] = {}

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query_params: Mapping[str, Any]
    ) -> Answer:
        """Answer a call."""
        from ministack.core.responses import get_account_id, get_region

        del headers, query_params
        place = (get_account_id(), get_region())
        asked = json.loads(body) if body else {}
        calls = {
            ("POST", "/findings/import"): self._import,
            ("POST", "/findings"): self._get,
            ("PATCH", "/findings/batchupdate"): self._update,
        }
        call = calls.get((method, path))
        if call is None:
            return error_answer("securityhub", "InvalidInputException", f"the lab has no {method} {path}")
        return 200, {"Content-Type": "application/json"}, json.dumps(call(place, asked)).encode()

    def _import(self, place: Place, asked: Mapping[str, Any]) -> dict[str, Any]:
        failed = []
        for finding in asked["Findings"]:
            problem = _problem(finding, place[0])
            if problem:
                failed.append({"Id": finding.get("Id", ""), "ErrorCode": "InvalidInput", "ErrorMessage": problem})
                continue
            for seen_in in self._seen_in(finding["AwsAccountId"], place[1]):
                self._keep(seen_in, finding)
        imported = len(asked["Findings"]) - len(failed)
        return {"FailedCount": len(failed), "SuccessCount": imported, "FailedFindings": failed}

    def _seen_in(self, account: str, region: str) -> Iterator[Place]:
        yield account, region
        if account in self._world.ours.members:
            yield from {(self._world.hub, region), (self._world.hub, self._world.home_region)} - {(account, region)}

    def _keep(self, place: Place, finding: Finding) -> None:
        stored = self._findings.setdefault(place, {})
        before = stored.get(_key(finding), {})
        stored[_key(finding)] = {
            "RecordState": "ACTIVE",
            "Region": place[1],
            "Workflow": {"Status": "NEW"},
            **finding,
            **{name: before[name] for name in _KEPT if name in before},
        }
        emit(place, stored[_key(finding)])

    def _get(self, place: Place, asked: Mapping[str, Any]) -> dict[str, Any]:
        filters = asked.get("Filters") or {}
        if unknown := sorted(set(filters) - set(_FILTERS)):
            raise NotImplementedError(f"filters of GetFindings: {', '.join(unknown)}")
        found = [
            finding
            for finding in self._findings.get(place, {}).values()
            if all(
                finding.get(_FILTERS[name]) in [each["Value"] for each in wanted] for name, wanted in filters.items()
            )
        ]
        return {"Findings": found}

    def _update(self, place: Place, asked: Mapping[str, Any]) -> dict[str, Any]:
        done, left = [], []
        stored = self._findings.get(place, {})
        for identifier in asked["FindingIdentifiers"]:
            finding = stored.get(_key(identifier))
            if finding is None:
                refusal = {"ErrorCode": "FindingNotFound", "ErrorMessage": "Finding Not Found"}
                left.append({"FindingIdentifier": identifier, **refusal})
                continue
            finding |= {name: asked[name] for name in _UPDATED if name in asked}
            if "Note" in asked:
                finding["Note"] = {**asked["Note"], "UpdatedAt": datetime.now(UTC).isoformat()}
            done.append(identifier)
            emit(place, finding)
        return {"ProcessedFindings": done, "UnprocessedFindings": left}


def _key(finding: Mapping[str, Any]) -> tuple[str, str]:
    name = finding["Id"]
    return str(finding["ProductArn"]), str(name)


def _problem(finding: Mapping[str, Any], account: str) -> str:
    missing = [name for name in (*_REQUIRED, *_REQUIRED_TOO) if name not in finding]
    if missing:
        return f"the finding lacks {', '.join(missing)}"
    if finding["AwsAccountId"] != account:
        return f"account {account} may not import a finding of account {finding['AwsAccountId']}"
    return ""


def emit(place: Place, finding: Finding) -> None:
    """Put a finding's event on the default bus there."""
    put(place, "aws.securityhub", IMPORTED, {"findings": [finding]}, [f"{finding['ProductArn']}/{finding['Id']}"])


def put(place: Place, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]) -> None:
    """Put an event on the default bus there, as the AWS service that is its source."""
    from ministack.core.responses import request_scope
    from ministack.services import eventbridge

    entry = {
        "Source": source,
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "Resources": list(resources),
    }
    with request_scope(*place):
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
