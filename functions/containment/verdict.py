# SPDX-License-Identifier: Apache-2.0
"""What a containment amounts to: its state, what risk is left, and a sentence. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from functions.incident.model import State, StepOutcome, StepResult
from functions.steps import isolate

DNS_EXFILTRATION = ("Trojan:EC2/DNSDataExfiltration",)
"""Types whose own channel is the VPC's DNS resolver, which security groups never filter."""

RESIDUAL_DNS = "dns"
RESIDUAL_METADATA = "instance-metadata"
RESIDUAL_CONNECTIONS = "tracked-connections"
RESIDUAL_INTERFACES = "interfaces"
RESIDUAL_RISKS = {
    RESIDUAL_CONNECTIONS: "connections that were open when the groups changed live on until they time out",
    RESIDUAL_DNS: "security groups never filter the VPC's DNS resolver, so data can still leave by DNS queries",
    RESIDUAL_METADATA: "security groups never filter the metadata service, so the host still gets its credentials",
    RESIDUAL_INTERFACES: "an interface of the host does not wear the quarantine group",
}
"""Every word of ``residual_risk``, with what it means."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """State, residual risk as words, and a sentence for a person."""

    state: State
    residual_risk: tuple[str, ...]
    reason: str


def judge(results: Sequence[StepResult], finding_types: Iterable[str], interfaces: Sequence[str]) -> Verdict:
    """Return what the results amount to. ``interfaces`` are all of the host's."""
    isolation = next((result for result in results if result.name == isolate.NAME), None)
    isolated = set(isolation.receipt.get("swapped", [])) if isolation else set()
    verified = set(isolation.receipt.get("verified", [])) if isolation else set()
    failed = [result for result in results if result.outcome is StepOutcome.FAILED]
    gaps = "; ".join(f"{result.name} failed ({result.reason})" for result in failed)
    if not isolated:
        why = gaps or (isolation.reason if isolation is not None else "isolation is no step of this decision")
        wanted = isolation is not None and isolation.outcome is StepOutcome.FAILED
        return Verdict(State.FAILED if wanted else State.PARTIAL, (RESIDUAL_INTERFACES,), f"not isolated: {why}")
    risks = [RESIDUAL_CONNECTIONS, RESIDUAL_DNS, RESIDUAL_METADATA]
    if set(interfaces) - verified or (isolation is not None and isolate.unisolated(isolation)):
        risks.append(RESIDUAL_INTERFACES)
    count = f"{len(isolated)} of {len(interfaces)} interfaces isolated"
    if verified < isolated:
        count += f", {len(verified)} read back"
    if failed:
        return Verdict(State.PARTIAL, tuple(risks), f"{count}; {gaps}")
    if any(each in DNS_EXFILTRATION for each in finding_types):
        return Verdict(State.PARTIAL, tuple(risks), f"{count}; the finding's own channel, DNS, is not cut by groups")
    return Verdict(State.CONTAINED, tuple(risks), count)
