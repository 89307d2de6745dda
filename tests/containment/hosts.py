# SPDX-License-Identifier: Apache-2.0
"""Hosts as plain values, for what is decided about them without a world."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from functions.steps.host import Host, Interface

INTERFACE = Interface("eni-1", 0, ("sg-app",), None, {}, vpc="vpc-1", addresses=("10.0.0.1",))
HOST = Host("i-1", "running", "vpc-1", None, False, {}, (INTERFACE,), ())


def host(**fields: Any) -> Host:
    """Return a plain host but for these fields."""
    return replace(HOST, **fields)


def interface(name: str = "eni-1", **fields: Any) -> Interface:
    """Return a plain interface but for these fields."""
    return replace(INTERFACE, id=name, **fields)
