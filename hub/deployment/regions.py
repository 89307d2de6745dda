# SPDX-License-Identifier: Apache-2.0
"""Which Regions there are, and in which partition each is: from botocore's own list of endpoints, so offline."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import botocore.session


@cache
def partitions() -> Mapping[str, str]:
    """Return the partition of every Region in which EC2 is."""
    session = botocore.session.Session()
    return {
        region: partition
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition_name=partition)
    }
