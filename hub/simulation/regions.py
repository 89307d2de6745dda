# SPDX-License-Identifier: Apache-2.0
"""Which Regions there are, from botocore's own list: elsewhere nothing can stand, and no endpoint answers."""

from __future__ import annotations

from functools import cache

from hub.deployment.regions import partitions


@cache
def known_regions() -> frozenset[str]:
    """Return the Regions of every partition that EC2 is in."""
    return frozenset(partitions())
