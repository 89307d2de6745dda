# SPDX-License-Identifier: Apache-2.0
"""Findings, decisions and claims of these tests' own making, and the table of an empty scenario."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from functions.finding.model import Finding
from functions.incident.claim import Claims
from functions.incident.head import Heads
from functions.incident.items import finding_key, from_item, stamp, to_item
from functions.incident.model import Claim, LeaseHolder, State, Unseen
from functions.incident.shared_resources import SharedResources
from functions.incident.store import Store
from functions.policy.model import Candidate, Cap, Decision, Mode, Provisional
from tests.policy.made import NOW, TARGET, finding
from tests.scenario import Scenario

INCIDENT = "inc-1kjq1eaw0-k57547jg"
OURS, THEIRS = LeaseHolder("ours", "message-1"), LeaseHolder("theirs", "message-2")
LEASE = timedelta(seconds=90)


def provisional(mode: Mode = Mode.ENFORCE, **changes: Any) -> Provisional:
    values: dict[str, Any] = {
        "finding_id": finding().id,
        "mode": mode,
        "rule": "tor",
        "origin": "config/organization.yaml:3",
        "bundle": "b" * 64,
        "reasons": ("a reason",),
        "candidates": (Candidate("tor", "config/organization.yaml:3", mode, ("lowered",)),),
        "caps": (Cap(Mode.APPROVE, "the event is old"),),
        "withdrawn": "marked suppressed",
        "notes": ("a where failed",),
        "open_exceptions": ("pentest",),
        "sequence_targets": 3,
        "active_at": NOW,
    }
    return Provisional(**{**values, **changes})


def decision(mode: Mode = Mode.ENFORCE) -> Decision:
    return Decision("f", mode, "tor", "config/organization.yaml:3", "b" * 64, ("a reason",), {"isolate": {}})


def claim(**changes: Any) -> Claim:
    values: dict[str, Any] = {
        "incident": INCIDENT,
        "state": State.CONTAINED,
        "mode": Mode.ENFORCE,
        "token": None,
        "message": None,
        "lease_until": None,
        "unfinished": False,
        "after_release": False,
        "released_at": None,
    }
    return Claim(**{**values, **changes})


def held(by: LeaseHolder = THEIRS, **changes: Any) -> Claim:
    return claim(**{"token": by.token, "message": by.message, "lease_until": NOW + LEASE, **changes})


def unseen(found: Finding) -> Unseen:
    return Unseen(provisional(finding_id=found.id), found.types, stamp(found.updated_at))


def seen(found: Finding) -> Mapping[str, str]:
    return {finding_key(found.id): stamp(found.updated_at)}


class Table:
    """The scenario's table, with the stores on it."""

    def __init__(self, scenario: Scenario) -> None:
        self.simulation = scenario.simulation
        self.clock = scenario.simulation.clock
        services = scenario.services()
        self.runtime = services.runtime
        self.dynamodb = services.clients.hub("dynamodb")
        self.name = scenario.deployment.settings.table
        self.claims = Claims(self.dynamodb, self.name, self.runtime, int(LEASE.total_seconds()))
        self.store = Store(self.dynamodb, self.name, self.runtime)
        self.heads = Heads(self.dynamodb, self.name, self.runtime)
        self.shared_resources = SharedResources(self.dynamodb, self.name, self.runtime)

    def read(self, key: Mapping[str, str]) -> dict[str, Any] | None:
        item = self.dynamodb.get_item(TableName=self.name, Key=to_item(key), ConsistentRead=True).get("Item")
        return from_item(item) if item else None

    @property
    def transactions(self) -> list[dict[str, Any]]:
        """The attempts at a transaction so far."""
        return [call for call in self.simulation.calls if call["operation"] == "TransactWriteItems"]

    def open(self, by: LeaseHolder = OURS, found: Finding | None = None, incident: str = INCIDENT) -> Claim | None:
        found = found or finding()
        return self.claims.open(TARGET, incident, found, provisional(finding_id=found.id), by)
