# SPDX-License-Identifier: Apache-2.0
"""The member template as a build artefact, for a rollout by other means than StackSets."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from hub.deployment.members import member_template_of
from hub.deployment.model import DeploymentSettings
from hub.organization.cdk import project
from hub.organization.errors import NotThereError


def template(settings: DeploymentSettings, *, drill: bool) -> Mapping[str, Any]:
    """Return the template of the member accounts, or of the drill range, with every value of the settings in it.

    Raises NotThereError where the CDK is not installed.
    """
    node = shutil.which("node", path=project().search_path())
    if node is None or find_spec("aws_cdk") is None:
        raise NotThereError("the CDK is not installed: make setup-deploy adds it, with the Node.js it runs on")
    os.environ.setdefault("JSII_NODE", node)  # by which the CDK's library finds the one beside this Python
    from member_stacks.drill import drill_template

    if drill:
        return drill_template(settings.qualifier)
    return member_template_of(settings)


def spelt(document: Mapping[str, Any], *, pretty: bool) -> str:
    """Return a template as text: in as few characters as JSON takes, as in the stack set, or for people to read."""
    if pretty:
        return json.dumps(document, indent=2) + "\n"
    return json.dumps(document, separators=(",", ":"))
