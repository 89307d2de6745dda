# SPDX-License-Identifier: Apache-2.0
"""A deployment's settings, made for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hub.deployment.model import DeploymentSettings, Detection, EvidenceSettings, Guard, Rollout

_SETTINGS = DeploymentSettings(
    organization="o-exampleorgid",
    hub="111111111111",
    forensics="222222222222",
    management="333333333333",
    qualifier="cordon",
    home_region="eu-west-1",
    regions=("eu-west-1", "us-east-1"),
    rollout=Rollout(canary=("ou-abcd-11111111",), rest=("ou-abcd-22222222",)),
    evidence=EvidenceSettings(),
    guard=Guard(),
    detection=Detection(),
)


def settings(**changes: Any) -> DeploymentSettings:
    """Return sample settings with some of them changed."""
    return replace(_SETTINGS, **changes)
