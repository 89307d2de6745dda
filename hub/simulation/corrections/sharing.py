# SPDX-License-Identifier: Apache-2.0
"""VPCs that another account shares: what is in them is its own, and a participant changes nothing of it.

moto keeps a VPC with its instances, in the participant's account; only who is said to own it differs. What a
participant may not do is in the VPC user guide, "Responsibilities and permissions for owners and participants".
"""

from __future__ import annotations

from typing import Any

from hub.simulation.corrections.refusals import ec2_error
from hub.simulation.patches import Patches

_OWNERS_ALONE = (
    "create_network_acl",
    "create_network_acl_entry",
    "delete_network_acl_entry",
    "replace_network_acl_association",
    "replace_network_acl_entry",
)


def correct(patches: Patches) -> None:
    """Return the owner of a VPC, and refuse network ACLs to other accounts."""
    from moto.ec2.models.network_acls import NetworkAcl, NetworkAclBackend
    from moto.ec2.models.subnets import Subnet
    from moto.ec2.models.vpcs import VPC

    for kind in (VPC, Subnet):
        patches.replace(kind, "owner_id", _Owner())
    patches.add(NetworkAcl, "owner_id", _Owner())  # moto sets it in each network ACL, not in the class
    for name in _OWNERS_ALONE:
        patches.replace(NetworkAclBackend, name, _unless_shared(getattr(NetworkAclBackend, name)))


class _Owner:
    """The owner of a thing of a VPC: an attribute that moto writes in one class and computes in another."""

    def __get__(self, thing: Any, _: Any = None) -> Any:
        return getattr(thing, "cordon_owner", None) or thing.ec2_backend.account_id

    def __set__(self, thing: Any, value: Any) -> None:
        """Ignore the value: the owner is the backend's account, or the account that shares it."""


def _unless_shared(original: Any) -> Any:
    def change(backend: Any, *args: Any, **kwargs: Any) -> Any:
        for given in (*args, *kwargs.values()):
            named = str(given)
            thing = backend.network_acls.get(named) or backend.vpcs.get(named) or _of_association(backend, named)
            if thing is not None and thing.owner_id != backend.account_id:
                raise ec2_error("UnauthorizedOperation", "You are not authorized to perform this operation.")
        return original(backend, *args, **kwargs)

    return change


def _of_association(backend: Any, association: str) -> Any:
    return next((acl for acl in backend.network_acls.values() if association in acl._associations), None)
