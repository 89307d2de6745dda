# SPDX-License-Identifier: Apache-2.0
"""Builds the member accounts: networks, instances and everything that is attached to an instance."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from typing import Any

from hub.simulation.patches import Patches
from hub.simulation.regions import known_regions
from hub.simulation.world_spec import Eni, GroupRuleSpec, Instance, SecurityGroup, User, WorldSpec

_LOG = logging.getLogger(__name__)

_IMAGE = "ami-0a1b2c3d4e5f60718"
_AGE = timedelta(days=30)
"""How long before the simulation begins an instance was launched: any finding about it is younger."""

_STATE_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
EC2_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ],
    }
)


class MemberBuilder:
    """Builds one world's member accounts in moto's backends."""

    def __init__(self, spec: WorldSpec, now: datetime) -> None:
        self._spec = spec
        self._launched_at = now - _AGE
        self._subnets: dict[tuple[str, str, str], Any] = {}
        self._with_ipv6 = {
            (each.account, each.region, each.vpc) for each in spec.instances if any(eni.ipv6 for eni in each.enis)
        }

    def build(self) -> None:
        """Make groups first (interfaces wear them), then instances, then wearers of other groups, then users."""
        for region in sorted({each.region for each in self._spec.instances} - known_regions()):
            _LOG.warning("there is no Region %s, so nothing of the world stands there", region)
        for group in self._spec.security_groups:
            self._group(group.account, group.region, group.vpc, group.name, group)
        for instance in self._spec.instances:
            # An event may name any Region; a world file may not.
            if instance.region in known_regions():
                self._instance(instance)
        for group in self._spec.security_groups:
            self._wear(group)
        for user in self._spec.users:
            _user(user)

    def _subnet(self, account: str, region: str, vpc_name: str) -> Any:
        key = (account, region, vpc_name)
        if key not in self._subnets:
            backend = _ec2(account, region)
            ipv6 = key in self._with_ipv6
            number = len([each for each in self._subnets if each[:2] == key[:2]])
            vpc = backend.create_vpc(f"10.{number}.0.0/16", amazon_provided_ipv6_cidr_block=ipv6)
            vpc.add_tags({"Name": vpc_name})
            ipv6_block = None
            if ipv6:
                ipv6_block = vpc.get_cidr_block_association_set(ipv6=True)[0]["cidr_block"].replace("/56", "/64")
            self._subnets[key] = backend.create_subnet(
                vpc.id, f"10.{number}.0.0/20", ipv6_cidr_block=ipv6_block, availability_zone=f"{region}a"
            )
        return self._subnets[key]

    def _group(self, account: str, region: str, vpc: str, name: str, spec: SecurityGroup | None = None) -> Any:
        """Return the group of that name in that VPC, made where it is missing."""
        backend = _ec2(account, region)
        vpc_id = self._subnet(account, region, vpc).vpc_id
        existing = backend.get_security_group_from_name(name, vpc_id)
        if existing is not None:
            return existing
        group = backend.create_security_group(name, f"{name} of the simulated world", vpc_id)
        if spec is None:
            _authorize(
                backend, group, GroupRuleSpec("tcp", cidr="10.0.0.0/8", from_port=443, to_port=443), egress=False
            )
            return group
        group.add_tags(dict(spec.tags))
        for rule in spec.ingress:
            _authorize(backend, group, self._resolved(spec, rule), egress=False)
        if spec.egress is not None:
            group.egress_rules = []
            for rule in spec.egress:
                _authorize(backend, group, self._resolved(spec, rule), egress=True)
        return group

    def _resolved(self, spec: SecurityGroup, rule: GroupRuleSpec) -> GroupRuleSpec:
        """Return the rule with the id of the group that it names."""
        if rule.group is None:
            return rule
        group = self._group(spec.account, spec.region, spec.vpc, rule.group)
        return GroupRuleSpec(rule.protocol, None, group.id, rule.from_port, rule.to_port)

    def _wear(self, spec: SecurityGroup) -> None:
        backend = _ec2(spec.account, spec.region)
        group = self._group(spec.account, spec.region, spec.vpc, spec.name)
        for worn_by in spec.worn_by:
            instance = backend.get_instance(worn_by)
            for eni in instance.nics.values():
                eni._group_set = [*eni._group_set, group]
            instance.security_groups = list(instance.nics[0]._group_set)

    def _instance(self, spec: Instance) -> None:
        backend = _ec2(spec.account, spec.region)
        subnet = self._subnet(spec.account, spec.region, spec.vpc)
        if spec.vpc_owner is not None:
            _shared_by(spec.vpc_owner, backend, subnet)
        enis = [self._eni(backend, subnet, spec, eni) for eni in spec.enis]
        instance = _launch(backend, spec, enis)
        instance.launch_time = self._launched_at
        for number in range(spec.volumes):
            volume = backend.create_volume(8, f"{spec.region}a", volume_type="gp3")
            device = "/dev/xvda" if number == 0 else f"/dev/sd{chr(ord('f') + number - 1)}"
            volume.create_time = self._launched_at
            attachment = backend.attach_volume(volume.id, instance.id, device, delete_on_termination=True)
            attachment.attach_time = instance.block_device_mapping[device].attach_time = self._launched_at
        instance.root_device_name = "/dev/xvda"
        instance.add_tags(dict(spec.tags))
        _address(backend, spec, instance)
        if spec.profile:
            _profile(spec)
            association = backend.associate_iam_instance_profile(instance.id, spec.profile.name)
            instance.iam_instance_profile["Id"] = association.iam_instance_profile.id
        arns = _target_groups(spec, subnet.vpc_id, enis)
        if spec.scaling_group:
            _scaling_group(spec, subnet.id, arns)
        if spec.state == "terminated":
            instance.terminate()
        instance._state.name, instance._state.code = spec.state, _STATE_CODES[spec.state]

    def _eni(self, backend: Any, subnet: Any, spec: Instance, eni: Eni) -> Any:
        names = eni.groups if eni.groups is not None else spec.groups
        groups = [self._group(spec.account, spec.region, spec.vpc, name).id for name in names]
        made = backend.create_network_interface(
            subnet,
            subnet.get_available_subnet_ip(instance=None),
            group_ids=groups,
            delete_on_termination=True,
            ipv6_address_count=1 if eni.ipv6 else 0,
        )
        made.attach_time = self._launched_at
        made.requester_managed = eni.requester_managed
        made.source_dest_check = eni.source_dest_check
        if eni.trunk:
            made.interface_type = "trunk"
        if not eni.ipv4:
            made.private_ip_address, made.private_ip_addresses = None, []
        if spec.managed_by:
            made.operator = {"Managed": True, "Principal": _principal(spec.managed_by)}
        return made


def _ec2(account: str, region: str) -> Any:
    from moto.ec2.models import ec2_backends

    return ec2_backends[account][region]


def _shared_by(owner: str, backend: Any, subnet: Any) -> None:
    """Make another account the owner of a VPC and its content: the corrections read this mark."""
    acls = [acl for acl in backend.network_acls.values() if acl.vpc_id == subnet.vpc_id]
    for each in (backend.get_vpc(subnet.vpc_id), subnet, *acls):
        each.cordon_owner = owner


def _authorize(backend: Any, group: Any, rule: GroupRuleSpec, *, egress: bool) -> None:
    authorize = backend.authorize_security_group_egress if egress else backend.authorize_security_group_ingress
    ranges: list[dict[str, str]] = []
    if rule.cidr:
        ranges = [{"CidrIpv6" if ":" in rule.cidr else "CidrIp": rule.cidr}]
    if not (egress and rule.protocol == "-1" and any(each.ip_range == ranges[:1] for each in group.egress_rules)):
        authorize(
            group.id,
            rule.protocol,
            rule.from_port,
            rule.to_port,
            ranges,
            source_groups=[{"GroupId": rule.group}] if rule.group else [],
        )


def _launch(backend: Any, spec: Instance, enis: list[Any]) -> Any:
    from moto.ec2.models import instances

    patches = Patches()
    try:
        patches.replace(instances, "random_instance_id", lambda: spec.id)
        reservation = backend.run_instances(
            _IMAGE,
            1,
            None,
            [],
            instance_type=spec.type,
            is_instance_type_default=True,
            region_name=spec.region,
            placement=None,
            nics=[{"DeviceIndex": index, "NetworkInterfaceId": eni.id} for index, eni in enumerate(enis)],
            block_device_mappings=[],
        )
    finally:
        patches.undo()
    instance = reservation.instances[0]
    instance.security_groups = list(enis[0]._group_set) if enis else []
    instance.lifecycle = "spot" if spec.lifecycle == "spot" else None
    instance.architecture, instance.virtualization_type = "x86_64", "hvm"
    instance.kernel_id = None
    instance.cordon_nitro = spec.nitro
    instance.cordon_instance_store = spec.instance_store
    if spec.managed_by:
        instance.operator = {"Managed": True, "Principal": _principal(spec.managed_by)}
    return instance


def _principal(managed_by: str) -> str:
    return f"{managed_by.partition('-')[0]}.amazonaws.com"


def _address(backend: Any, spec: Instance, instance: Any) -> None:
    primary = instance.nics[0]
    if spec.public_ip == "auto":
        primary.public_ip_auto_assign = True
        primary.public_ip = _public_address(backend)
    elif spec.public_ip == "elastic":
        address = backend.allocate_address("vpc", address=_public_address(backend))
        backend.associate_address(eni=primary, allocation_id=address.allocation_id)


def _public_address(backend: Any) -> str:
    """Return a free address of the range that is kept for documentation."""
    taken = len([eni for eni in backend.enis.values() if eni.public_ip])
    return f"203.0.113.{taken % 254 + 1}"


def _profile(spec: Instance) -> None:
    from moto.iam.models import iam_backends

    if spec.profile is None:
        return
    backend = iam_backends[spec.account]["aws"]
    if spec.profile.role not in {role.name for role in backend.roles.values()}:
        backend.create_role(spec.profile.role, EC2_TRUST, "/", None, "", [], "3600")
    if spec.profile.name not in backend.instance_profiles:
        backend.create_instance_profile(spec.profile.name, "/", [spec.profile.role])


def _target_groups(spec: Instance, vpc_id: str, enis: list[Any]) -> list[str]:
    """Register the instance; return the target groups that a scaling group can be attached to."""
    from moto.elbv2.models import elbv2_backends

    backend = elbv2_backends[spec.account][spec.region]
    arns = []
    for each in spec.target_groups:
        group = next((made for made in backend.target_groups.values() if made.name == each.name), None)
        if group is None:
            group = backend.create_target_group(
                each.name, vpc_id=vpc_id, protocol="HTTP", port=each.port, target_type=each.by
            )
        target = spec.id if each.by == "instance" else enis[0].private_ip_address
        group.register([{"Id": target, "Port": each.port}])
        if each.by == "instance":
            arns.append(group.arn)
    return arns


def _scaling_group(spec: Instance, subnet_id: str, target_group_arns: list[str]) -> None:
    from moto.autoscaling.models import autoscaling_backends

    wanted = spec.scaling_group
    if wanted is None:
        return
    backend = autoscaling_backends[spec.account][spec.region]
    if wanted.name not in backend.autoscaling_groups:
        _launch_configuration(backend, spec)
        backend.create_auto_scaling_group(
            name=wanted.name,
            availability_zones=[],
            desired_capacity=0,
            max_size=wanted.max,
            min_size=wanted.min,
            launch_config_name=f"{wanted.name}-launch",
            launch_template={},
            vpc_zone_identifier=subnet_id,
            default_cooldown=300,
            health_check_period=300,
            health_check_type="EC2",
            load_balancers=[],
            target_group_arns=target_group_arns,
            placement_group=None,
            termination_policies=[],
            tags=[],
        )
    group = backend.autoscaling_groups[wanted.name]
    group.desired_capacity = 0  # attaching counts upwards, and a group may be full from the beginning
    backend.attach_instances(wanted.name, [spec.id])
    group.desired_capacity = wanted.desired


def _launch_configuration(backend: Any, spec: Instance) -> None:
    backend.create_launch_configuration(
        name=f"{spec.scaling_group.name if spec.scaling_group else spec.id}-launch",
        image_id=_IMAGE,
        key_name=None,
        kernel_id="",
        ramdisk_id="",
        security_groups=[],
        user_data=None,
        instance_type=spec.type,
        instance_monitoring=False,
        instance_profile_name=None,
        spot_price=None,
        ebs_optimized=False,
        associate_public_ip_address=False,
        block_device_mappings=[],
    )


def _user(spec: User) -> None:
    from moto.iam.models import iam_backends

    backend = iam_backends[spec.account]["aws"]
    backend.create_user("us-east-1", spec.name)
    for _ in range(spec.active_keys):
        backend.create_access_key(spec.name)
