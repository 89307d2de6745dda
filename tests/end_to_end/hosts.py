# SPDX-License-Identifier: Apache-2.0
"""Hosts and events that end-to-end tests share."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from hub.policy.compile import compile_config
from hub.simulation.events import SourceEvent
from hub.simulation.world_spec import AccountSpec, Instance, WorldSpec
from tests.finding.findings import asff, envelope

ENFORCED = "444455556666"
APPROVED = "555566667777"
REGION = "eu-west-1"
HOST = "i-0000000000000001"
NEIGHBOUR = "i-0000000000000002"
OUTBOUND = (
    "Backdoor:EC2/C&CActivity.B!DNS",
    "CryptoCurrency:EC2/BitcoinTool.B!DNS",
    "UnauthorizedAccess:EC2/TorClient",
    "Trojan:EC2/DGADomainRequest.B",
    "Trojan:EC2/BlackholeTraffic",
    "Backdoor:EC2/Spambot",
    "Trojan:EC2/DropPoint",
    "CryptoCurrency:EC2/BitcoinTool.B",
)


@cache
def bundle() -> bytes:
    """The compiled policy that the project ships."""
    return compile_config(Path(__file__).parents[2] / "config").data


def world(*instances: Instance) -> WorldSpec:
    """A world with the two production accounts and these instances."""
    accounts = {
        ENFORCED: AccountSpec("payments-prod", "/Workloads/Prod"),
        APPROVED: AccountSpec("orders-prod", "/Workloads/Prod"),
    }
    return WorldSpec(accounts=accounts, instances=instances)


def host(instance: str = HOST, account: str = ENFORCED, **values: Any) -> Instance:
    """An instance in the simulated organisation."""
    return Instance(instance, account, REGION, **values)


def event(kind: str = OUTBOUND[0], *, instance: str = HOST, account: str = ENFORCED, **changes: Any) -> SourceEvent:
    """A classic Security Hub event about an instance."""
    finding = asff(kind, account=account, region=REGION, instances=(instance,), **changes)
    return SourceEvent.of("finding.json", 0, envelope(finding))
