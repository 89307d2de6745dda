# SPDX-License-Identifier: Apache-2.0
"""The event files under tests/events, and published findings where they are at hand, each with its outcome."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from functions.finding.model import Direction, Finding, Label, Refusal, RefusalKind, Workflow
from functions.finding.parse import parse
from tests.finding.findings import ACCOUNT, INSTANCE, REGION, envelope

EVENTS = Path(__file__).parents[1] / "events"
PUBLISHED = Path(__file__).parents[3] / "shared" / "findings"
OUT, IN, UNKNOWN = Direction.OUTBOUND, Direction.INBOUND, Direction.UNKNOWN

# file: type, severity, direction, and what else is not as usual
FOUND: dict[str, tuple[str, Label, Direction, dict[str, Any]]] = {
    "classic-c2-dns": ("Backdoor:EC2/C&CActivity.B!DNS", Label.HIGH, OUT, {}),
    "classic-custom-action": ("UnauthorizedAccess:EC2/TorClient", Label.HIGH, OUT, {}),
    "classic-instance-second": ("Execution:Runtime/ReverseShell", Label.HIGH, OUT, {}),
    "classic-ssh-brute-force": ("UnauthorizedAccess:EC2/SSHBruteForce", Label.LOW, IN, {}),
    "classic-credential-exfiltration": (
        "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS",
        Label.HIGH,
        OUT,
        {},
    ),
    "classic-attack-sequence": ("AttackSequence:EC2/CompromisedInstanceGroup", Label.CRITICAL, OUT, {}),
    "classic-sample": ("CryptoCurrency:EC2/BitcoinTool.B!DNS", Label.HIGH, OUT, {"sample": True}),
    "classic-archived": ("Trojan:EC2/DNSDataExfiltration", Label.HIGH, OUT, {"closed": True}),
    "classic-own-update": (
        "Backdoor:EC2/C&CActivity.B!DNS",
        Label.HIGH,
        OUT,
        {"workflow": Workflow.NOTIFIED, "note_author": "cordon"},
    ),
    "v2-dns-exfiltration": ("Trojan:EC2/DNSDataExfiltration", Label.HIGH, OUT, {}),
    "v2-runtime": ("Execution:Runtime/NewBinaryExecuted", Label.MEDIUM, OUT, {}),
    "v2-closed": ("Backdoor:EC2/C&CActivity.B!DNS", Label.HIGH, OUT, {"closed": True}),
    "v2-suppressed": ("UnauthorizedAccess:EC2/TorClient", Label.HIGH, OUT, {"workflow": Workflow.SUPPRESSED}),
    "v2-credential-exfiltration": (
        "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.InsideAWS",
        Label.HIGH,
        OUT,
        {},
    ),
    "v2-attack-sequence": ("AttackSequence:EC2/CompromisedInstanceGroup", Label.CRITICAL, OUT, {}),
    "native-tor-client": ("UnauthorizedAccess:EC2/TorClient", Label.HIGH, OUT, {}),
    "native-minimal": ("UnauthorizedAccess:EC2/TorClient", Label.HIGH, OUT, {}),
    "native-rdp-brute-force": ("UnauthorizedAccess:EC2/RDPBruteForce", Label.LOW, IN, {}),
    "native-port-probe": ("Recon:EC2/PortProbeUnprotectedPort", Label.LOW, IN, {}),
    "native-credential-exfiltration": (
        "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS",
        Label.HIGH,
        OUT,
        {},
    ),
    "native-attack-sequence": ("AttackSequence:EC2/CompromisedInstanceGroup", Label.CRITICAL, OUT, {}),
    "native-sample": ("Backdoor:EC2/C&CActivity.B!DNS", Label.HIGH, OUT, {"sample": True}),
}
REFUSED: dict[str, tuple[RefusalKind, str]] = {
    "classic-forged-product": (RefusalKind.REJECTED, "is a custom product"),
    "classic-foreign-resource": (RefusalKind.REJECTED, "'777788889999', but the finding's ARN says '444455556666'"),
    "classic-other-product": (RefusalKind.IGNORED, "a finding of 'aws/securityhub', not of GuardDuty"),
    "native-malicious-snapshot": (RefusalKind.IGNORED, "names no EC2 instance"),
    "native-empty-detail": (RefusalKind.REJECTED, "the event's detail is empty"),
}
USUAL = {"sample": False, "closed": False, "workflow": Workflow.NEW, "note_author": None}


def _load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_event_file_has_an_outcome_here() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} >= set(FOUND) | set(REFUSED)


@pytest.mark.parametrize("name", FOUND)
def test_events_that_carry_a_finding(name: str) -> None:
    (found,) = parse(_load(EVENTS / f"{name}.json"))
    assert isinstance(found, Finding), found
    kind, label, direction, unusual = FOUND[name]
    assert (found.types, found.severity.label, found.direction) == ((kind,), label, direction)
    instance = "i-99999999" if found.sample else INSTANCE
    assert {(t.partition, t.account, t.region, t.instance) for t in found.targets} == {
        ("aws", ACCOUNT, REGION, instance)
    }
    assert {field: getattr(found, field) for field in USUAL} == USUAL | unusual


@pytest.mark.parametrize("name", REFUSED)
def test_events_that_are_refused(name: str) -> None:
    (found,) = parse(_load(EVENTS / f"{name}.json"))
    assert isinstance(found, Refusal), found
    kind, words = REFUSED[name]
    assert found.kind is kind
    assert words in found.reason


# file: instances, sample, direction; or the kind of refusal and words of its reason
PUBLISHED_OUTCOMES: dict[str, tuple[Any, ...]] = {
    "asff-ec2-maliciousipcaller": (["i-133711111111"], False, UNKNOWN),
    "asff-ec2-sshbruteforce": (RefusalKind.REJECTED, "arn:aws::securityhub"),
    "asff-iamuser-consolelogin": (RefusalKind.IGNORED, "names no EC2 instance"),
    "envelope-custom-action-eks": (RefusalKind.REJECTED, "'0123456789101' is not an account id of 12 digits"),
    "envelope-custom-action-iamkey": (RefusalKind.IGNORED, "names no EC2 instance"),
    "envelope-native-ec2-c2-sample": (["i-0123456789abcdef0"], True, OUT),
    "envelope-native-ec2-c2": (["i-99999999"], True, OUT),
    "envelope-native-empty-detail": (RefusalKind.REJECTED, "detail is empty"),
    "envelope-other-product-cloudtrail": (RefusalKind.IGNORED, "'aws/securityhub', not of GuardDuty"),
    "envelope-other-product": (RefusalKind.REJECTED, "'Datadog Alert Notification'"),
    "envelope-v2-ec2-dnsexfiltration-constructed": (["i-9876543210fedcba0"], False, OUT),
    "native-attacksequence-iam": (RefusalKind.IGNORED, "no signal of type FINDING"),
    # GetFindings' spelling; the command line translates it before it gets here.
    "native-ec2-rdpbruteforce": (RefusalKind.REJECTED, "arn is missing"),
    "ocsf-v2-runtime-newbinary": (["i-0123456789abcdef0"], False, OUT),
}


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published findings are not here")
@pytest.mark.parametrize("name", PUBLISHED_OUTCOMES)
def test_published_findings(name: str) -> None:
    given = _load(PUBLISHED / f"{name}.json")
    (found,) = parse(given if name.startswith("envelope") else envelope(given))
    expected = PUBLISHED_OUTCOMES[name]
    if isinstance(found, Refusal):
        assert found.kind is expected[0]
        assert expected[1] in found.reason
    else:
        assert ([target.instance for target in found.targets], found.sample, found.direction) == expected


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published findings are not here")
def test_every_published_finding_has_an_outcome_here() -> None:
    assert {path.stem for path in PUBLISHED.glob("*.json")} == set(PUBLISHED_OUTCOMES)
