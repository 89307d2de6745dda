# SPDX-License-Identifier: Apache-2.0
"""Whether what deploying needs is on this machine. Nothing here asks AWS."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

from hub.organization.cdk import Tools
from hub.organization.check import Answer, ok, problem

_INSTALL = "make setup-deploy"


def node(tools: Tools) -> list[Answer]:
    """Check that there is a Node.js for the CDK CLI to run on."""
    found = shutil.which("node", path=tools.search_path())
    if found is None:
        return [problem("node", "there is no Node.js beside this Python, nor on the PATH", _INSTALL)]
    return [ok("node", f"Node.js is {found}")]


def cdk(tools: Tools) -> list[Answer]:
    """Check that the CDK CLI and its library are there."""
    if not tools.cdk.is_file():
        return [problem("cdk", f"the CDK CLI is not at {tools.cdk}", _INSTALL)]
    if find_spec("aws_cdk") is None:
        return [problem("cdk", "the Python package aws-cdk-lib is not installed", _INSTALL)]
    return [ok("cdk", f"the CDK CLI is {tools.cdk}")]
