# SPDX-License-Identifier: Apache-2.0
"""Instance types: what the world says of its instances is what their type says of itself."""

from __future__ import annotations

import copy
from typing import Any

from hub.simulation.patches import Patches


def correct(patches: Patches) -> None:
    """Replace DescribeInstanceTypes so that ``nitro`` and ``instance_store`` of the world show there."""
    from moto.ec2.responses.instances import InstanceResponse

    original = InstanceResponse.describe_instance_types

    def describe(response: Any) -> Any:
        found: Any = original(response)
        instances = response.ec2_backend.all_instances()
        not_nitro = {each.instance_type for each in instances if not getattr(each, "cordon_nitro", True)}
        with_store = {each.instance_type for each in instances if getattr(each, "cordon_instance_store", False)}
        types = []
        for each in found.result["InstanceTypes"]:
            shown = each
            if each["InstanceType"] in not_nitro | with_store:
                shown = copy.deepcopy(each)
                if each["InstanceType"] in not_nitro:
                    shown["Hypervisor"] = "xen"
                if each["InstanceType"] in with_store:
                    shown["InstanceStorageSupported"] = True
            types.append(shown)
        found.result["InstanceTypes"] = types
        return found

    patches.replace(InstanceResponse, "describe_instance_types", describe)
