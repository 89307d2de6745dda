# SPDX-License-Identifier: Apache-2.0
"""Work that moto repeats in every account or at every call, though its result is not used or never changes."""

from __future__ import annotations

import copy
from collections import defaultdict
from functools import cache
from typing import Any

from hub.simulation.patches import Patches


def correct(patches: Patches) -> None:
    """Spare a simulation the work; no answer changes."""
    from moto.core import responses, utils
    from moto.core.base_backend import BaseBackend
    from moto.core.serialize import BaseJSONSerializer
    from moto.dynamodb.models.dynamo_type import DynamoType
    from moto.dynamodb.models.table import Table
    from moto.dynamodb.parsing import ast_nodes
    from moto.ec2.models.amis import AmiBackend

    original = BaseJSONSerializer._serialize_type_structure
    addresses: Any = BaseBackend.urls
    expressions: Any = ast_nodes
    known: dict[type, Any] = {}
    deep = vars(DynamoType)["__deepcopy__"]

    def structure(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name != "AttributeValue" or not isinstance(value, dict):
            original(self, serialized, value, shape, key)
            return
        # Of DynamoDB's ten types of value one is there: the other nine need no looking for under all their aliases.
        wrapper: dict[str, Any] = {}
        for name, held in value.items():
            self._serialize(wrapper, held, shape.members[name], name)
        self._default_serialize(serialized, wrapper, shape, key)

    def urls(backend: Any) -> Any:
        # Every request asks for the addresses of its service, and S3's are a module that is loaded again each time.
        kind = type(backend)
        if kind not in known:
            known[kind] = addresses.fget(backend)
        return known[kind]

    def copied(value: Any, memo: dict[int, Any]) -> Any:
        # A string or a number is only ever replaced by another: its copy may be itself.
        return deep(value, memo) if value.type in _CHANGEABLE else value

    # 1,300 public images with a snapshot each take 50 ms per account and Region.
    patches.replace(AmiBackend, "_load_amis", _nothing)
    patches.replace(BaseBackend, "urls", property(urls))
    patches.replace(BaseJSONSerializer, "_serialize_type_structure", structure)
    patches.replace(expressions.DepthFirstTraverser, "traverse", _traverse)
    patches.replace(DynamoType, "__deepcopy__", copied)
    patches.add(Table, "__deepcopy__", _with_items_of_its_own)
    patches.replace(responses, "method_names_from_class", cache(utils.method_names_from_class))


_CHANGEABLE = frozenset({"BS", "L", "M", "NS", "SS"})


def _nothing(*_: Any) -> None:
    return None


def _traverse(self: Any, node: Any) -> Any:
    """Go through an expression with the table of what to do made once, not at each of its nodes."""
    table = self._processing_map()
    self._processing_map = lambda: table
    return self.traverse_node_recursively(node)


def _with_items_of_its_own(table: Any, memo: dict[int, Any]) -> Any:
    """Copy what a transaction can change of a table, of which moto keeps a copy to go back to."""
    kept = copy.copy(table)
    kept.items = defaultdict(dict)
    for key, items in table.items.items():
        kept.items[key] = copy.deepcopy(items, memo)
    return kept
