# SPDX-License-Identifier: Apache-2.0
"""What moto works out anew in every account or at every call, though nobody looks at it or it never changes."""

from __future__ import annotations

from functools import cache
from typing import Any

from hub.simulation.patches import Patches


def correct(patches: Patches) -> None:
    """Spare a simulation the work; no answer changes."""
    from moto.core import responses, utils  # noqa: PLC0415 - importing moto is slow
    from moto.core.serialize import BaseJSONSerializer  # noqa: PLC0415
    from moto.ec2.models.amis import AmiBackend  # noqa: PLC0415

    original = BaseJSONSerializer._serialize_type_structure  # noqa: SLF001 - moto has no other way in

    def structure(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name != "AttributeValue" or not isinstance(value, dict):
            original(self, serialized, value, shape, key)
            return
        # Of DynamoDB's ten types of value one is there: the other nine need no looking for under all their aliases.
        wrapper: dict[str, Any] = {}
        for name, held in value.items():
            self._serialize(wrapper, held, shape.members[name], name)
        self._default_serialize(serialized, wrapper, shape, key)

    # 1,300 public images with a snapshot each take 50 ms per account and Region.
    patches.replace(AmiBackend, "_load_amis", _nothing)
    patches.replace(BaseJSONSerializer, "_serialize_type_structure", structure)
    patches.replace(responses, "method_names_from_class", cache(utils.method_names_from_class))


def _nothing(*_: Any) -> None:
    return None
