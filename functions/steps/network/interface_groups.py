# SPDX-License-Identifier: Apache-2.0
"""The groups of the host's interfaces, as isolation records and sets them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NotRequired, TypedDict

from functions.incident.model import StepResult
from functions.steps.host import Interface
from functions.steps.network.quarantine_group import Recorded
from functions.steps.step import Task

NAME = "isolate"


class Section(TypedDict):
    """The groups of every interface, in their order; an addition has no ``vpc``."""

    interfaces: dict[str, list[str]]
    vpc: NotRequired[str | None]


class Receipt(TypedDict, total=False):
    """The group that was put on; interfaces that were swapped to it, and those that were read back with it."""

    group: str
    swapped: list[str]
    verified: list[str]


IsolateTask = Task[Recorded, Section, Receipt]
Result = StepResult[Receipt]


def swap(interface: str, groups: list[str]) -> dict[str, Any]:
    """Return what ModifyNetworkInterfaceAttribute takes to put these groups on an interface, and no others."""
    return {"NetworkInterfaceId": interface, "Groups": groups}


def groups_of(interfaces: Iterable[Interface]) -> dict[str, list[str]]:
    """Return the groups of each interface by its id, as the baseline has them."""
    return {each.id: list(each.groups) for each in interfaces}
