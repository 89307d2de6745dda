# SPDX-License-Identifier: Apache-2.0
"""The CDK app: from the settings to the stacks. ``cdk.json`` runs this file as ``python -m hub.stacks.app``.

Only ``config/deployment.yaml`` makes a difference; ``CORDON_CONFIG`` names its directory, ``config`` by default. The
app works offline, and without Docker.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk

from hub.deployment.members import member_template_of
from hub.deployment.model import DeploymentSettings
from hub.deployment.read import read_settings
from hub.policy.errors import PolicyErrors
from hub.stacks.bundle import build_bundle
from hub.stacks.detection import DetectionStack
from hub.stacks.forwarder import ForwarderStack
from hub.stacks.hub import HubStack
from hub.stacks.members import MembersStack

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = Path("build") / "bundle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacks:
    """The stacks of a deployment; the guard is the management account's, all others are the hub's."""

    hub: HubStack
    members: MembersStack
    forwarders: tuple[ForwarderStack, ...]
    detection: DetectionStack | None
    guard: cdk.Stack | None

    def each(self) -> tuple[cdk.Stack, ...]:
        """Return those that there are."""
        every: tuple[cdk.Stack | None, ...] = (self.hub, self.members, *self.forwarders, self.detection, self.guard)
        return tuple(stack for stack in every if stack is not None)


def new_app(outdir: Path) -> cdk.App:
    """Return an app with the feature flags of ``cdk.json``, so that every way of starting it makes the same."""
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    return cdk.App(outdir=str(outdir), analytics_reporting=False, context=context)


def build(app: cdk.App, settings: DeploymentSettings, code: Path) -> Stacks:
    """Put the stacks of these settings into the app; ``code`` is the folder that the functions run.

    CDK's CLI chooses stacks by the ids that they have here, not by their names.
    """
    detection = settings.detection
    wants_detection = detection.security_hub or detection.security_hub_v2 or detection.guardduty
    return Stacks(
        hub=HubStack(app, "Hub", settings=settings, code=code),
        members=MembersStack(app, "Members", settings=settings, body=member_body(settings)),
        forwarders=tuple(
            ForwarderStack(app, f"Forwarder-{region}", settings=settings, region=region)
            for region in settings.regions
            if region != settings.home_region
        ),
        detection=DetectionStack(app, "Detection", settings=settings) if wants_detection else None,
        guard=_guard(app, settings) if settings.guard.targets else None,
    )


def main() -> int:
    """Write the templates of the configured deployment; return the exit code."""
    try:
        settings = read_settings(Path(os.environ.get("CORDON_CONFIG", "config")))
    except PolicyErrors as error:
        sys.stderr.write(f"{error}\n")
        return 1
    app = new_app(Path(os.environ.get("CDK_OUTDIR", "cdk.out")))
    build(app, settings, build_bundle(BUNDLE))
    app.synth()
    return 0


def member_body(settings: DeploymentSettings) -> str:
    """Return the member template as the stack sets carry it."""
    return json.dumps(member_template_of(settings), separators=(",", ":"))


def _guard(app: cdk.App, settings: DeploymentSettings) -> cdk.Stack:
    from hub.stacks.guard import GuardStack

    return GuardStack(app, "Guard", settings=settings)


if __name__ == "__main__":
    sys.exit(main())
