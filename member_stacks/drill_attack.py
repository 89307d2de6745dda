# SPDX-License-Identifier: Apache-2.0
"""The attack of the drill, as a document of Systems Manager: look-ups alone, nothing is contacted or downloaded.

GuardDuty sees what a host asks the VPC's own resolver. What it makes of the names:

- ``GuardDutyC2ActivityB.com`` is the test domain of ``Backdoor:EC2/C&CActivity.B!DNS``, by the note to that type in the
  GuardDuty user guide (guardduty_finding-types-ec2).
- The pools' names raise ``CryptoCurrency:EC2/BitcoinTool.B!DNS``: AWS's own amazon-guardduty-tester uses the first two,
  the third was seen to raise it (dev.classmethod.jp/articles/guardduty-findings-test-cryptocurrency).
- Names of Tor: AWS documents no test for them, and ``UnauthorizedAccess:EC2/TorClient`` is about connections. They
  make the picture complete and may raise nothing.

A finding takes minutes to come, half an hour at worst by experience.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COMMAND_AND_CONTROL = "GuardDutyC2ActivityB.com"
POOLS = ("pool.minergate.com", "xmr.pool.minergate.com", "pool.supportxmr.com")
TOR = ("www.torproject.org", "check.torproject.org")
_SECONDS = 300


def attack() -> Mapping[str, Any]:
    """Return the document's content. A look-up that fails is as good as one that is answered: it was asked."""
    return {
        "schemaVersion": "2.2",
        "description": "Cordon drill: look up names that GuardDuty knows. Run it on the target of the drill range.",
        "mainSteps": [
            _step("prepare", "command -v dig > /dev/null || dnf install --assumeyes bind-utils"),
            _step("commandAndControl", f"dig {COMMAND_AND_CONTROL} any"),
            _step("mining", *(f"dig {pool}" for pool in POOLS)),
            _step("tor", *(f"dig {name}" for name in TOR)),
        ],
    }


def _step(name: str, *commands: str) -> Mapping[str, Any]:
    lines = [command if name == "prepare" else f"{command} || true" for command in commands]
    return {
        "action": "aws:runShellScript",
        "name": name,
        "inputs": {"runCommand": lines, "timeoutSeconds": str(_SECONDS)},
    }
