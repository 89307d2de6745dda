# SPDX-License-Identifier: Apache-2.0
"""Reads the world back from moto's backends: what is, never what Cordon believes. Lists are in a stable order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

from hub.simulation.names import Names

_OWN_ROLE_OF_ORGANIZATIONS = "OrganizationAccountAccessRole"


def read_world(names: Names) -> dict[str, Any]:
    """Return ``WORLD`` as the simulation's contract has it."""
    regions = list(_backends("ec2"))
    return {
        "instances": _sorted(each for place in regions for each in _instances(*place)),
        "security_groups": _sorted(each for place in regions for each in _security_groups(*place)),
        "network_acls": _sorted(each for place in regions for each in _network_acls(*place)),
        "snapshots": _sorted(each for place in regions for each in _snapshots(*place)),
        "scaling_groups": _sorted(_scaling_groups(), "name"),
        "target_groups": _sorted(_target_groups(), "name"),
        "roles": _sorted(_roles(names), "name"),
        "users": _sorted(_users(), "name"),
    }


def _sorted(entries: Iterator[dict[str, Any]], key: str = "id") -> list[dict[str, Any]]:
    return sorted(entries, key=lambda each: (each["account"], each.get("region", ""), each[key]))


def _backends(service: Literal["ec2", "autoscaling", "elbv2", "iam"]) -> Iterator[tuple[str, str, Any]]:
    """Yield account, Region and backend of every backend that a service has so far."""
    from moto.backends import get_backend

    yield from get_backend(service).iter_backends()


def _tags(resource: Any) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in sorted(resource.get_tags(), key=lambda tag: tag["key"])}


def _instances(account: str, region: str, backend: Any) -> Iterator[dict[str, Any]]:
    for instance in backend.all_instances():
        gone = instance.state == "terminated"
        profile = instance.iam_instance_profile
        yield {
            "account": account,
            "region": region,
            "id": instance.id,
            "state": instance.state,
            "lifecycle": "spot" if instance.lifecycle == "spot" else "on-demand",
            "enis": [] if gone else [_eni(index, eni) for index, eni in sorted(instance.nics.items())],
            "termination_protection": _true(instance.disable_api_termination),
            "stop_protection": _true(instance.disable_api_stop),
            "shutdown_behavior": instance.instance_initiated_shutdown_behavior,
            "volumes": [
                {"id": device.volume_id, "delete_on_termination": _true(device.delete_on_termination)}
                for _, device in sorted(instance.get_block_device_mapping)
            ],
            "profile": profile["Arn"].rpartition("/")[2] if profile else None,
            "tags": _tags(instance),
        }


def _true(value: Any) -> bool:
    return str(value).lower() == "true"


def _eni(index: int, eni: Any) -> dict[str, Any]:
    return {
        "id": eni.id,
        "device_index": index,
        "groups": sorted(group.id for group in eni.group_set),
        "connection_tracking": getattr(eni, "connection_tracking_configuration", None),
        "addresses": [
            *(address["PrivateIpAddress"] for address in eni.private_ip_addresses),
            *eni.ipv6_addresses,
            *([eni.public_ip] if eni.public_ip else []),
        ],
    }


def _own_vpcs(backend: Any) -> set[str]:
    """Return the VPCs that the world asked for: the default one that moto makes is no part of it."""
    return {vpc.id for vpc in backend.vpcs.values() if not _true(vpc.is_default)}


def _security_groups(account: str, region: str, backend: Any) -> Iterator[dict[str, Any]]:
    own = _own_vpcs(backend)
    for vpc_id, groups in backend.groups.items():
        for group in groups.values():
            if vpc_id not in own and group.is_default:
                continue
            yield {
                "account": account,
                "region": region,
                "id": group.id,
                "name": group.name,
                "vpc": vpc_id,
                "tags": _tags(group),
                "ingress": sorted((_rule(rule) for rule in group.ingress_rules), key=_order),
                "egress": sorted((_rule(rule) for rule in group.egress_rules), key=_order),
            }


def _rule(rule: Any) -> dict[str, Any]:
    return {
        "protocol": rule.ip_protocol,
        "from_port": rule.from_port,
        "to_port": rule.to_port,
        "cidr": rule.cidr_ipv4 or rule.cidr_ipv6,
        "group": rule.source_group.get("GroupId") if rule.source_group else None,
        "prefix_list": rule.prefix_list_id,
    }


def _order(entry: dict[str, Any]) -> str:
    return json.dumps(entry, sort_keys=True)


def _network_acls(account: str, region: str, backend: Any) -> Iterator[dict[str, Any]]:
    own = _own_vpcs(backend)
    for acl in backend.network_acls.values():
        if acl.vpc_id in own:
            yield {
                "account": account,
                "region": region,
                "id": acl.id,
                "subnets": sorted(association.subnet_id for association in acl.associations),
                "entries": sorted(
                    (_acl_entry(entry) for entry in acl.entries), key=lambda entry: (entry["egress"], entry["number"])
                ),
            }


def _acl_entry(entry: Any) -> dict[str, Any]:
    return {
        "number": int(entry.rule_number),
        "egress": _true(entry.egress),
        "action": entry.rule_action,
        "protocol": entry.protocol,
        "cidr": entry.cidr_block or entry.ipv6_cidr_block,
    }


def _snapshots(account: str, region: str, backend: Any) -> Iterator[dict[str, Any]]:
    for snapshot in backend.snapshots.values():
        if snapshot.from_ami is None:
            yield {
                "account": account,
                "region": region,
                "id": snapshot.id,
                "volume": snapshot.volume.id,
                "state": snapshot.status,
                "tags": _tags(snapshot),
                "shared_with": sorted(snapshot.create_volume_permission_userids),
                "locked": getattr(snapshot, "lock", None),
            }


def _scaling_groups() -> Iterator[dict[str, Any]]:
    for account, region, backend in _backends("autoscaling"):
        for group in backend.autoscaling_groups.values():
            states = sorted(group.instance_states, key=lambda state: str(state.instance.id))
            yield {
                "account": account,
                "region": region,
                "name": group.name,
                "min": group.min_size,
                "max": group.max_size,
                "desired": group.desired_capacity,
                "instances": [
                    {
                        "id": state.instance.id,
                        "lifecycle": state.lifecycle_state,
                        "protected": _true(state.protected_from_scale_in),
                    }
                    for state in states
                ],
            }


def _target_groups() -> Iterator[dict[str, Any]]:
    for account, region, backend in _backends("elbv2"):
        for group in backend.target_groups.values():
            targets = sorted(group.targets.values(), key=lambda target: (target["Id"], int(target["Port"])))
            yield {
                "account": account,
                "region": region,
                "name": group.name,
                "targets": [
                    {
                        "id": target["Id"],
                        "port": int(target["Port"]),
                        "state": group.health_for(target, backend.ec2_backend).status,
                    }
                    for target in targets
                ],
            }


def _roles(names: Names) -> Iterator[dict[str, Any]]:
    for account, _, backend in _backends("iam"):
        for role in backend.roles.values():
            if role.path == f"/{names.qualifier}/" or role.name == _OWN_ROLE_OF_ORGANIZATIONS:
                continue
            yield {
                "account": account,
                "name": role.name,
                "tags": dict(sorted((tag["Key"], tag["Value"]) for tag in role.tags)),
                "attached": sorted(role.managed_policies),
                "inline": {name: json.loads(text) for name, text in sorted(role.policies.items())},
            }


def _users() -> Iterator[dict[str, Any]]:
    for account, _, backend in _backends("iam"):
        for user in backend.users.values():
            yield {
                "account": account,
                "name": user.name,
                "groups": sorted(group.name for group in backend.groups.values() if user in group.users),
                "active_keys": sum(1 for key in user.access_keys if key.status == "Active"),
            }
