# SPDX-License-Identifier: Apache-2.0
"""Every type of the table is recognised in every dialect, and types that are in no table by rule."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from functions.finding import direction, types
from functions.finding.model import Finding, Label
from functions.finding.parse import parse
from tests.finding.findings import INSTANCE, VICTIM_PRINCIPAL, asff, envelope, instance_arn, native, ocsf

PUBLISHED = Path(__file__).parents[3] / "shared" / "findings"
NAMES = sorted(types.known())
SPELLINGS = [(name, spelling) for name in NAMES for spelling in types.known()[name].spellings]


def _asff_with_instance(name: str, spelling: str | None = None) -> dict[str, Any]:
    signals = [{"Type": "FINDING", "ResourceIds": [instance_arn()]}]
    return asff(name, spelling=spelling, Detection={"Sequence": {"Signals": signals}})


def _ocsf_with_instance(name: str) -> dict[str, Any]:
    made = ocsf(name)
    made["finding_info"]["related_events"] = [{"type": "FINDING", "observables": [{"value": INSTANCE}]}]
    return made


def _native_with_instance(name: str) -> dict[str, Any]:
    made = native(name)
    made["service"]["detection"] = {"sequence": {"signals": [{"type": "FINDING", "resourceUids": [INSTANCE]}]}}
    return made


def _types_of(finding: dict[str, Any]) -> tuple[tuple[str, ...], list[str]]:
    (found,) = parse(envelope(finding))
    assert isinstance(found, Finding), found
    return found.types, [target.instance for target in found.targets]


def test_the_table_is_as_long_as_the_published_ones() -> None:
    assert len(NAMES) == 229
    assert len(SPELLINGS) == 202


@pytest.mark.parametrize(("name", "spelling"), SPELLINGS)
def test_every_spelling_of_asff(name: str, spelling: str) -> None:
    assert _types_of(_asff_with_instance(name, spelling)) == ((name,), [INSTANCE])


@pytest.mark.parametrize("name", NAMES)
def test_every_type_in_every_dialect(name: str) -> None:
    for finding in (_asff_with_instance(name), _ocsf_with_instance(name), _native_with_instance(name)):
        assert _types_of(finding) == ((name,), [INSTANCE])


@pytest.mark.parametrize("name", NAMES)
def test_the_spelling_given_to_a_type_reads_back(name: str) -> None:
    assert types.native(types.asff(name)) == name


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("TTPs/Command and Control/Backdoor:EC2-NewThing.B!DNS", "Backdoor:EC2/NewThing.B!DNS"),
        ("TTPs/AttackSequence:EC2/SomethingNew", "AttackSequence:EC2/SomethingNew"),
        ("Backdoor:EC2/NewThing", "Backdoor:EC2/NewThing"),
        (
            "Effects/X/Impact:Runtime-SuspiciousDomainRequest.Reputatio",
            "Impact:Runtime/SuspiciousDomainRequest.Reputation",
        ),
        ("TTPs/Y/Execution:Kubernetes-ExecInPod", "Execution:Kubernetes/AnomalousBehavior.ExecInPod"),
        ("TTPs/X/Trojan:EC2-Two-Dashes", "Trojan:EC2/Two-Dashes"),
        ("Threats", None),
        ("TTPs/Command and Control", None),
        ("Software and Configuration Checks/Industry and Regulatory Standards", None),
        ("Backdoor:EC2/\x1b[31mred", None),
        ("backdoor:ec2-x", None),
        ("Backdoor:EC2-\N{ARABIC-INDIC DIGIT ONE}", None),
        ("", None),
    ],
)
def test_types_that_are_in_no_table(spelling: str, name: str | None) -> None:
    assert types.native(spelling) == name


def test_types_are_unique_and_in_order() -> None:
    finding = asff()
    finding["FindingProviderFields"]["Types"] = [
        "Effects/Resource Consumption/CryptoCurrency:EC2-BitcoinTool.B!DNS",
        "Threats",
        "TTPs/Command and Control/CryptoCurrency:EC2-BitcoinTool.B!DNS",
        "TTPs/Command and Control/Backdoor:EC2-Spambot",
    ]
    assert _types_of(finding)[0] == ("CryptoCurrency:EC2/BitcoinTool.B!DNS", "Backdoor:EC2/Spambot")


def test_the_providers_types_win_over_those_that_a_customer_can_edit() -> None:
    finding = asff("UnauthorizedAccess:EC2/TorClient", Types=["Backdoor:EC2/Spambot"])
    assert _types_of(finding)[0] == ("UnauthorizedAccess:EC2/TorClient",)
    del finding["FindingProviderFields"]
    assert _types_of(finding)[0] == ("Backdoor:EC2/Spambot",)


def test_directions_are_given_to_known_types_alone() -> None:
    assert set(NAMES) >= direction.OUTBOUND_TYPES | direction.INBOUND_TYPES
    assert not direction.OUTBOUND_TYPES & direction.INBOUND_TYPES


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Backdoor:EC2/C&CActivity.B!DNS", Label.HIGH),
        ("UnauthorizedAccess:EC2/SSHBruteForce", Label.LOW),
        ("AttackSequence:EC2/CompromisedInstanceGroup", Label.CRITICAL),
        ("Execution:EC2/MaliciousFile", Label.MEDIUM),
        ("Backdoor:EC2/NotKnown", Label.MEDIUM),
    ],
)
def test_default_severity(name: str, label: Label) -> None:
    assert types.default_severity(name) is label


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published tables are not here")
def test_the_table_holds_what_was_published() -> None:
    rows = list(csv.DictReader((PUBLISHED / "guardduty_types.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["name"] for row in sorted(rows, key=lambda row: row["name"])] == NAMES
    for row in rows:
        stated = types.known()[row["name"]].severity
        assert row["severity"].lower() == stated if stated else "ar" in row["severity"] or " " in row["severity"]
    spelt = list(csv.DictReader((PUBLISHED / "guardduty_asff_types.csv").read_text(encoding="utf-8").splitlines()))
    assert {(row["guardduty_type"], row["asff_type"]) for row in spelt} <= set(SPELLINGS)


def test_credential_exfiltration_is_recognised_with_its_principal() -> None:
    name = "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS"
    finding = native(name, instance=None)
    finding["resource"] = {"accessKeyDetails": {"principalId": VICTIM_PRINCIPAL}}
    assert _types_of(finding) == ((name,), [INSTANCE])
