# SPDX-License-Identifier: Apache-2.0
"""What differs between the member templates of two deployments. It is the same for every member account."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberProps:
    """Values that are written into the template; it has no parameters.

    regions    in which hosts may be contained; IAM is global, so the stack itself goes into one Region
    identity   whether the role for the wide IAM rights is made too
    """

    qualifier: str
    organization: str
    hub_account: str
    forensics_account: str
    regions: tuple[str, ...]
    identity: bool = False
