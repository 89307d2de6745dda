# SPDX-License-Identifier: Apache-2.0
"""Which Regions there are, and in which partition each is: from botocore's own list of endpoints, so offline.

The list is read without a session: a session goes by the person's profile, and one that is misspelt would raise.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from botocore.loaders import create_loader
from botocore.regions import EndpointResolver


@cache
def partitions() -> Mapping[str, str]:
    """Return the partition of every Region in which EC2 is."""
    resolver = EndpointResolver(create_loader().load_data("endpoints"))
    return {
        region: partition
        for partition in resolver.get_available_partitions()
        for region in resolver.get_available_endpoints("ec2", partition)
    }
