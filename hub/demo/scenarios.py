# SPDX-License-Identifier: Apache-2.0
"""What the demonstration shows, scenario by scenario: data alone. Findings and world are files beside this one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from functions.finding.model import Target
from hub.simulation.events import SourceEvent, load
from hub.simulation.world_file import load_world
from hub.simulation.world_spec import WorldSpec

_HERE = Path(__file__).parent

LATENCY_MS = 50
"""The time of a call within a Region, at most."""

API = Target("aws", "444455556666", "eu-west-1", "i-0a1f2e3d4c5b60718")
LEDGER = Target("aws", "444455556666", "eu-west-1", "i-0c4d5e6f708192a3b")
WORKER = Target("aws", "555566667777", "eu-central-1", "i-0b2c3d4e5f6071829")
SAMPLE = Target("aws", "444455556666", "eu-west-1", "i-99999999")


@dataclass(frozen=True, slots=True)
class Handover:
    """A file of findings, delivered so many times at once."""

    file: str
    copies: int = 1

    def events(self) -> list[SourceEvent]:
        """Read the file. The events bear its short name, so that they are the same wherever the package lies."""
        return [
            SourceEvent(self.file, event.index, event.text, event.envelope)
            for event in load([str(_HERE / "findings" / self.file)])
        ]


@dataclass(frozen=True, slots=True)
class DemoScenario:
    """One scenario: the host, what happens, and the deliveries for it."""

    name: str
    title: str
    what: str
    host: Target
    handovers: tuple[Handover, ...]


SCENARIOS = (
    DemoScenario(
        "contain",
        "A payments host talks to its command-and-control server",
        "Account payments-prod is in mode enforce: the host, one of three behind a load balancer, with two interfaces "
        "and two volumes, is contained at once.",
        API,
        (Handover("command-and-control.json"),),
    ),
    DemoScenario(
        "approve",
        "An orders host looks up a mining pool",
        "All other production accounts are in mode approve: Cordon makes the plan and waits for a person.",
        WORKER,
        (Handover("cryptomining.json"),),
    ),
    DemoScenario(
        "forged",
        "The sandbox account forges a finding against the payments ledger",
        "Any account may import findings that look like GuardDuty's. None may isolate a host of another account.",
        LEDGER,
        (Handover("forged.json"),),
    ),
    DemoScenario(
        "storm",
        "Both Security Hubs repeat the finding, and two more findings report the first host",
        "The first finding eight times at once, the same from Security Hub V2, then two further findings.",
        API,
        (
            Handover("command-and-control.json", copies=8),
            Handover("command-and-control-v2.json"),
            Handover("tor-client.json"),
            Handover("bitcoin-dns.json"),
        ),
    ),
    DemoScenario(
        "sample",
        "GuardDuty's sample findings are generated",
        "Cordon plans sample findings and never enforces them, in an enforce account too.",
        SAMPLE,
        (Handover("sample.json"),),
    ),
)

RELEASE = "release"


def world() -> WorldSpec:
    """Read the organisation of the demonstration."""
    return load_world(_HERE / "world.json")
