# SPDX-License-Identifier: Apache-2.0
"""The console of an instance: its output, as of now on Nitro alone, and its screen, which moto doesn't know.

Codes are those of EC2's API reference: a type without the requested output answers UnsupportedOperation, and an
instance that isn't running has no screen.
"""

from __future__ import annotations

import base64
from typing import Any

from hub.simulation.corrections.refusals import ec2_error
from hub.simulation.patches import Patches

OUTPUT = "[    0.000000] Linux version 6.1.0\n[   12.345678] cloud-init[812]: finished\nlogin: "
SCREEN = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300" + "10" * 64 + "ffc0000b080001000101011100ffc40014000100000000"
    "000000000000000000000009ffda0008010100003f0054ffd9"
)
"""A JPEG of one pixel."""


def correct(patches: Patches) -> None:
    """Replace GetConsoleOutput, and add GetConsoleScreenshot."""
    from moto.core.responses import ActionResult
    from moto.core.utils import utcnow
    from moto.ec2.responses.general import General

    def output(response: Any) -> Any:
        instance = _instance(response)
        latest = str(response._get_param("Latest")).lower() == "true"
        if latest and not getattr(instance, "cordon_nitro", True):
            raise ec2_error(
                "UnsupportedOperation", "This instance type does not support retrieving the latest console logs."
            )
        text = base64.b64encode(getattr(instance, "cordon_console", OUTPUT).encode()).decode()
        return ActionResult({"InstanceId": instance.id, "Timestamp": utcnow(), "Output": text})

    def screen(response: Any) -> Any:
        instance = _instance(response)
        if instance.instance_type.partition(".")[2].startswith("metal"):
            raise ec2_error("UnsupportedOperation", "This instance type does not support console screenshots.")
        if instance.state != "running":
            raise ec2_error("IncorrectInstanceState", f"The instance '{instance.id}' is not in state 'running'.")
        return ActionResult({"InstanceId": instance.id, "ImageData": base64.b64encode(SCREEN).decode()})

    patches.replace(General, "get_console_output", output)
    patches.add(General, "get_console_screenshot", screen)


def _instance(response: Any) -> Any:
    return response.ec2_backend.get_instance(response._get_param("InstanceId"))
