# SPDX-License-Identifier: Apache-2.0
"""Instance profiles: EC2 is moto's and IAM is ministack's, so this module gives EC2 the existing profiles.

The questions to IAM about a call need the same: ARNs with their paths, and the role in a profile.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hub.simulation.patches import Patches


def correct(patches: Patches) -> None:
    """Let EC2 find ministack's instance profiles."""
    from moto.ec2.models import iam_instance_profile
    from moto.ec2.responses import instances

    def profile(
        account_id: str, partition: str, iam_instance_profile_arn: str | None, iam_instance_profile_name: str | None
    ) -> Any:
        del partition
        name = iam_instance_profile_name or str(iam_instance_profile_arn).rpartition("/")[2]
        found = _stored("instance-profile", account_id, name)
        if found is None or iam_instance_profile_arn not in {None, found["Arn"]}:
            raise _missing(name)
        return SimpleNamespace(name=name, arn=found["Arn"], id=found["InstanceProfileId"])

    for module in (iam_instance_profile, instances):
        patches.replace(module, "filter_iam_instance_profiles", profile)


def named(account: str, kind: str, name: str) -> str | None:
    """Return the ARN of a role, user, group or instance profile of that name, path and all; None if there is none."""
    found = _stored(kind, account, name)
    return str(found["Arn"]) if found else None


def passed(account: str, profile: str) -> str | None:
    """Return the ARN of the role in the instance profile of that ARN; None if it has none."""
    found = _stored("instance-profile", account, profile.rpartition("/")[2])
    roles = found["Roles"] if found and found["Arn"] == profile else []
    return named(account, "role", roles[0]) if roles else None


def _stored(kind: str, account: str, name: str) -> Any:
    from ministack.services import iam

    kept = {
        "group": iam._groups,
        "instance-profile": iam._instance_profiles,
        "role": iam._roles,
        "user": iam._users,
    }
    return kept[kind].get_scoped(account, None, name) if kind in kept else None


def _missing(name: str) -> Exception:
    from moto.ec2.exceptions import EC2ClientError

    return EC2ClientError("InvalidParameterValue", f"Invalid IAM Instance Profile name: {name}")
