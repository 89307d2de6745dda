# SPDX-License-Identifier: Apache-2.0
"""Which Regions there are, from botocore's own list: elsewhere nothing can stand, and no endpoint answers."""

from __future__ import annotations

from functools import cache

import botocore.session


@cache
def known_regions() -> frozenset[str]:
    """Return the Regions of every partition that EC2 is in."""
    session = botocore.session.Session()
    return frozenset(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition_name=partition)
    )
