# SPDX-License-Identifier: Apache-2.0
"""Corrections of what moto does wrong and a containment would notice, as long as a simulation is open.

A correction replaces a method or a property of moto's and speaks moto's language: its backends, its exceptions.
Each module covers one part of AWS; ``correct`` applies them all.
"""

from __future__ import annotations

from functions.clock import Clock
from hub.simulation.corrections import (
    acls,
    addresses,
    console,
    groups,
    identity,
    instances,
    interfaces,
    performance,
    scaling,
    sharing,
    snapshots,
    store,
    time,
    types,
)
from hub.simulation.patches import Patches


def correct(patches: Patches, clock: Clock) -> None:
    """Apply every correction; ``patches`` undoes them."""
    time.correct(patches, clock)
    performance.correct(patches)
    interfaces.correct(patches)
    addresses.correct(patches)
    acls.correct(patches)
    groups.correct(patches)
    identity.correct(patches)
    instances.correct(patches)
    console.correct(patches)
    sharing.correct(patches)
    types.correct(patches)
    snapshots.correct(patches, clock)
    scaling.correct(patches)
    store.correct(patches, clock)
