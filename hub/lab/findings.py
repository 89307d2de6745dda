# SPDX-License-Identifier: Apache-2.0
"""Sends findings into a lab: those in Security Hub's format are imported, events are put as their service would.

What ``BatchImportFindings`` doesn't take (fields that Security Hub itself adds) is left out, by botocore's model.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.exceptions import ParamValidationError

from functions.finding.model import Finding, Target
from functions.finding.parse import parse
from hub.lab import door
from hub.lab.clients import LabClients
from hub.lab.errors import UnsendableFindingError

_IMPORTED = "Security Hub Findings - Imported"


@dataclass(frozen=True, slots=True)
class NamedFinding:
    """What an event names: its finding and the hosts."""

    finding: str
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent: how, and whose bus or Security Hub it went to."""

    how: str
    account: str
    region: str
    named: NamedFinding


def named_in(envelope: Mapping[str, Any]) -> NamedFinding:
    """Return what an event names; raise FindingError if it has no finding, or several."""
    found = list(parse(envelope))
    findings = [each for each in found if isinstance(each, Finding)]
    names = dict.fromkeys([each.id if isinstance(each, Finding) else each.finding_id or "" for each in found])
    names.pop("", None)
    if not names:
        reasons = "; ".join(each.reason for each in found if not isinstance(each, Finding))
        raise UnsendableFindingError(f"this is not a finding: {reasons or 'nothing was found in it'}")
    if len(names) > 1:
        raise UnsendableFindingError(f"this event has {len(names)} findings: send them one by one")
    targets = dict.fromkeys(target for each in findings for target in each.targets)
    return NamedFinding(next(iter(names)), tuple(targets))


def aimed(envelope: Mapping[str, Any], at: Target) -> dict[str, Any]:
    """Return the finding of an event as a new one about another host.

    Raises FindingError if it is about none, or several. Ids are replaced as text wherever they stand: a finding repeats
    them in ARNs, titles and descriptions.
    """
    named = named_in(envelope)
    if len(named.targets) != 1:
        raise UnsendableFindingError(
            f"this finding is about {len(named.targets)} hosts: it can't be made one about {at.instance}"
        )
    (before,) = named.targets
    text = json.dumps(envelope)
    for old, new in (
        (before.instance, at.instance),
        (before.account, at.account),
        (before.region, at.region),
        (named.finding.rpartition("/")[2], uuid.uuid4().hex),
    ):
        text = text.replace(old, new)
    changed: dict[str, Any] = json.loads(text)
    return changed


def send(clients: LabClients, about: door.About, envelope: Mapping[str, Any]) -> Sent:
    """Send the finding of an event; raise FindingError if there is none, or if Security Hub refuses it."""
    named = named_in(envelope)
    if envelope.get("detail-type") == _IMPORTED:
        account, region = _import(clients, envelope["detail"]["findings"][0])
        return Sent("imported into Security Hub", account, region, named)
    # GuardDuty's own events come in the finding's Region, those of Security Hub V2 by aggregation in the home Region.
    native = envelope.get("source") == "aws.guardduty"
    region = str(envelope.get("region") or about.home_region) if native else about.home_region
    door.put_event(clients.endpoint, envelope, about.hub, region)
    return Sent(f"put as an event of {envelope['source']}", about.hub, region, named)


def _import(clients: LabClients, finding: Mapping[str, Any]) -> tuple[str, str]:
    account = str(finding["AwsAccountId"])
    region = str(finding.get("Region") or str(finding["ProductArn"]).split(":")[3])
    security_hub = clients.root("securityhub", account, region)
    try:
        answer = security_hub.batch_import_findings(Findings=[importable(finding)])
    except ParamValidationError as error:
        raise UnsendableFindingError(f"Security Hub would not take this finding: {error}") from error
    if answer["FailedCount"]:
        raise UnsendableFindingError(f"Security Hub refused the finding: {answer['FailedFindings'][0]['ErrorMessage']}")
    return account, region


def importable(finding: Mapping[str, Any]) -> dict[str, Any]:
    """Return what BatchImportFindings takes of a finding."""
    model = botocore.session.get_session().get_service_model("securityhub")
    pruned: dict[str, Any] = _pruned(finding, model.shape_for("AwsSecurityFinding"))
    return pruned


def _pruned(value: Any, shape: Any) -> Any:
    if shape.type_name == "structure" and isinstance(value, Mapping):
        return {name: _pruned(each, shape.members[name]) for name, each in value.items() if name in shape.members}
    if shape.type_name == "list" and isinstance(value, list):
        return [_pruned(each, shape.member) for each in value]
    return value
