# SPDX-License-Identifier: Apache-2.0
"""Findings, policies and configurations of the tests' own making."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from functions.finding.model import Dialect, Direction, Finding, Label, Severity, Target, Workflow
from functions.policy.model import InstanceFacts, Match, Mode, Policy, PolicyException, Rule

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
ACCOUNT = "444455556666"
INSTANCE = "i-0123456789abcdef0"
TARGET = Target("aws", ACCOUNT, "eu-west-1", INSTANCE)
FACTS = InstanceFacts(image="ami-0123456789abcdef0", tags={})
TOR = "UnauthorizedAccess:EC2/TorClient"
SSH = "UnauthorizedAccess:EC2/SSHBruteForce"

LOCK = {
    "organization": "o-exampleorgid",
    "hub": "111111111111",
    "accounts": {ACCOUNT: {"name": "payments-prod", "ou": "/Workloads/Prod"}},
}


def finding(**changes: Any) -> Finding:
    values: dict[str, Any] = {
        "id": f"arn:aws:guardduty:eu-west-1:{ACCOUNT}:detector/d/finding/f",
        "dialect": Dialect.ASFF,
        "types": (TOR,),
        "partition": "aws",
        "account": ACCOUNT,
        "region": "eu-west-1",
        "severity": Severity(Label.HIGH, 8.0),
        "sample": False,
        "direction": Direction.OUTBOUND,
        "closed": False,
        "workflow": Workflow.NEW,
        "targets": (TARGET,),
        "title": "Tor",
        "created_at": NOW,
        "updated_at": NOW,
        "first_seen_at": NOW,
        "last_seen_at": NOW,
        "note_author": None,
        "document": {"Region": "eu-west-1", "Severity": {"Label": "HIGH"}, "Resources": [{"Tags": {"team": "red"}}]},
    }
    return Finding(**{**values, **changes})


def rule(mode: Mode = Mode.ENFORCE, *types: str, name: str = "tor", **match: Any) -> Rule:
    return Rule(name, Match(types or (TOR,), **match), mode, {"isolate": {}}, f"config/organization.yaml:{len(name)}")


def exception(mode: Mode = Mode.OBSERVE, **changes: Any) -> PolicyException:
    values: dict[str, Any] = {
        "id": "test",
        "mode": mode,
        "reason": "a test",
        "until": LATER,
        "origin": "config/a.yaml:9",
    }
    return PolicyException(**{**values, **changes})


def policy(*rules: Rule, **changes: Any) -> Policy:
    return Policy(rules=rules or (rule(),), **changes)


def configuration(directory: Path, files: Mapping[str, str], lock: Mapping[str, Any] = LOCK) -> Path:
    """Write a configuration and return its directory, which is called ``config``."""
    root = directory / "config"
    root.mkdir(parents=True, exist_ok=True)
    (root / "organization.lock.json").write_text(json.dumps(lock), encoding="utf-8")
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root
