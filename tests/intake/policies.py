# SPDX-License-Identifier: Apache-2.0
"""Policies of these tests' own writing, compiled as the project compiles them."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from textwrap import dedent

from hub.policy.compile import compile_config
from tests.policy.made import configuration
from tests.scenario import ACCOUNT

IMAGE = "ami-0a1b2c3d4e5f60718"
"""The image of every simulated instance."""

TOR, C2, MINING = (
    "UnauthorizedAccess:EC2/TorClient",
    "Backdoor:EC2/C&CActivity.B!DNS",
    "CryptoCurrency:EC2/BitcoinTool.B",
)

_LOCK = {
    "organization": "o-exampleorgid",
    "hub": "111111111111",
    "forensics": "222222222222",
    "accounts": {
        "111111111111": {"name": "security-hub", "ou": "/"},
        "222222222222": {"name": "forensics", "ou": "/"},
        ACCOUNT: {"name": "payments-prod", "ou": "/Workloads/Prod"},
    },
}
_RULES = f"""
    version: 1
    mode: enforce
    rules:
      tor: {{match: {{types: ["{TOR}"]}}, mode: observe}}
      mining: {{match: {{types: ["{MINING}"]}}, mode: approve}}
      command-and-control: {{match: {{types: ["{C2}"]}}}}
      everything-else: {{match: {{types: ["*"]}}, mode: observe}}
"""


@functools.cache
def policy(further: str = "") -> bytes:
    """Return the bundle of: observe Tor, ask for mining, enforce for command and control; and what is added."""
    with tempfile.TemporaryDirectory() as directory:
        text = dedent(_RULES) + dedent(further)
        root = configuration(Path(directory), {"organization.yaml": text}, _LOCK)
        return compile_config(root).data
