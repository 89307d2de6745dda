# SPDX-License-Identifier: Apache-2.0
"""Who started the activity: the host, or another party.

An outsider can provoke an inbound finding. If Cordon contained hosts because of one, any outsider could isolate hosts.
``resourceRole`` does not show the direction (published DNS findings come as ACTOR and as TARGET). It is derived from
what happened, and where the finding doesn't say that, from its type. A type in no table is unknown, on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from functions.finding.model import Direction
from functions.finding.types import is_credential_exfiltration

OUTBOUND_TYPES: Final = frozenset(
    {
        "Backdoor:EC2/C&CActivity.B",
        "Backdoor:EC2/C&CActivity.B!DNS",
        "Backdoor:EC2/DenialOfService.Dns",
        "Backdoor:EC2/DenialOfService.Tcp",
        "Backdoor:EC2/DenialOfService.Udp",
        "Backdoor:EC2/DenialOfService.UdpOnTcpPorts",
        "Backdoor:EC2/DenialOfService.UnusualProtocol",
        "Backdoor:EC2/Spambot",
        "CryptoCurrency:EC2/BitcoinTool.B",
        "CryptoCurrency:EC2/BitcoinTool.B!DNS",
        "DefenseEvasion:EC2/UnusualDNSResolver",
        "DefenseEvasion:EC2/UnusualDoHActivity",
        "DefenseEvasion:EC2/UnusualDoTActivity",
        "Execution:Container/MaliciousFile",
        "Execution:Container/SuspiciousFile",
        "Execution:EC2/MaliciousFile",
        "Execution:EC2/SuspiciousFile",
        "Execution:ECS/MaliciousFile",
        "Execution:ECS/SuspiciousFile",
        "Execution:Kubernetes/MaliciousFile",
        "Execution:Kubernetes/SuspiciousFile",
        "Impact:EC2/AbusedDomainRequest.Reputation",
        "Impact:EC2/BitcoinDomainRequest.Reputation",
        "Impact:EC2/MaliciousDomainRequest.Custom",
        "Impact:EC2/MaliciousDomainRequest.Reputation",
        "Impact:EC2/PortSweep",
        "Impact:EC2/SuspiciousDomainRequest.Reputation",
        "Impact:EC2/WinRMBruteForce",
        "Recon:EC2/Portscan",
        "Trojan:EC2/BlackholeTraffic",
        "Trojan:EC2/BlackholeTraffic!DNS",
        "Trojan:EC2/DGADomainRequest.B",
        "Trojan:EC2/DGADomainRequest.C!DNS",
        "Trojan:EC2/DNSDataExfiltration",
        "Trojan:EC2/DriveBySourceTraffic!DNS",
        "Trojan:EC2/DropPoint",
        "Trojan:EC2/DropPoint!DNS",
        "Trojan:EC2/PhishingDomainRequest!DNS",
        "UnauthorizedAccess:EC2/MetadataDNSRebind",
        "UnauthorizedAccess:EC2/TorClient",
        "UnauthorizedAccess:EC2/TorRelay",
    }
)
INBOUND_TYPES: Final = frozenset({"Recon:EC2/PortProbeEMRUnprotectedPort", "Recon:EC2/PortProbeUnprotectedPort"})

_BY_CONNECTION: Final = {"OUTBOUND": Direction.OUTBOUND, "INBOUND": Direction.INBOUND}


@dataclass(frozen=True, slots=True)
class Action:
    """What a finding says that happened: GuardDuty's ``actionType`` and ``connectionDirection``, in capitals."""

    kind: str | None = None
    connection: str | None = None


def derive(types: Iterable[str], action: Action) -> Direction:
    """Return who started it, from what happened, else from the first type."""
    names = list(types)
    if action.kind == "DNS_REQUEST" or is_credential_exfiltration(names):
        return Direction.OUTBOUND
    if action.kind == "NETWORK_CONNECTION":
        return _BY_CONNECTION.get(action.connection or "", Direction.UNKNOWN)
    if action.kind == "PORT_PROBE":
        return Direction.INBOUND
    return of_type(names[0])


def of_type(name: str) -> Direction:
    """Return who starts the activity that findings of this type report."""
    # Runtime Monitoring sees processes on the host itself, and a sequence ends with the host doing something.
    if name in OUTBOUND_TYPES or ":Runtime/" in name or name.startswith("AttackSequence:"):
        return Direction.OUTBOUND
    return Direction.INBOUND if name in INBOUND_TYPES else Direction.UNKNOWN
