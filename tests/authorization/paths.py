# SPDX-License-Identifier: Apache-2.0
"""Every path that a containment and a release can take, walked once, with every AWS call watched."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from hub.simulation.world_spec import Eni, Instance, OrganizationSpec, Profile, ScalingGroup, TargetGroupSpec, User
from tests.authorization.watched import Watched, watching
from tests.finding.findings import asff
from tests.intake.policies import C2, TOR, policy
from tests.intake.test_accounts import publish_directory
from tests.release.shapes import SHAPES, Shape
from tests.scenario import INSTANCE, REGION, Scenario, instance, open_scenario

SECOND = "i-0000000000000002"
HOST = instance(enis=(Eni(), Eni(("db",))), volumes=2, tags={"status": "live"})
NEXT = {"finding": "b" * 32}
DENIED = "=UnauthorizedOperation"


def _contain(scenario: Scenario, seen: Watched) -> None:
    del seen
    scenario.deliver(asff(C2))


def _release(scenario: Scenario, seen: Watched) -> None:
    seen.function = "release"
    for incident in scenario.deployment.incidents():
        scenario.deployment.release(incident.id)
    seen.function = "intake"


def _both(scenario: Scenario, seen: Watched) -> None:
    _contain(scenario, seen)
    _release(scenario, seen)


def _second_host(scenario: Scenario, seen: Watched) -> None:
    """Another host meets the group that the first one's incident recorded."""
    scenario.deliver(asff(C2))
    scenario.deliver(asff(C2, instances=[SECOND], **NEXT))
    _release(scenario, seen)


def _spoilt_group(scenario: Scenario, seen: Watched) -> None:
    """Somebody adds a rule to the recorded group, so that the next host needs another."""
    scenario.deliver(asff(C2))
    (group,) = {each for eni in scenario.host()["enis"] for each in eni["groups"]}
    scenario.other_client().authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
    )
    scenario.deliver(asff(C2, instances=[SECOND], **NEXT))
    _release(scenario, seen)


def _attached_later(scenario: Scenario, seen: Watched) -> None:
    """An interface and a volume come to the host after it was contained, and a finding with them."""
    scenario.deliver(asff(C2))
    ec2 = scenario.other_client()
    host = ec2.describe_instances(InstanceIds=[INSTANCE])["Reservations"][0]["Instances"][0]
    made = ec2.create_network_interface(SubnetId=host["SubnetId"], Groups=[scenario.group("app")])
    interface = made["NetworkInterface"]["NetworkInterfaceId"]
    ec2.attach_network_interface(NetworkInterfaceId=interface, InstanceId=INSTANCE, DeviceIndex=5)
    volume = ec2.create_volume(Size=1, AvailabilityZone=f"{REGION}a")["VolumeId"]
    ec2.attach_volume(VolumeId=volume, InstanceId=INSTANCE, Device="/dev/sdz")
    scenario.deliver(asff(C2, **NEXT))
    _release(scenario, seen)


def _release_twice(*faults: str) -> Callable[[Scenario, Watched], None]:
    """Return a path on which a release meets these faults and is asked for again without them."""

    def walk(scenario: Scenario, seen: Watched) -> None:
        scenario.deliver(asff(C2))
        scenario.inject_faults(*faults)
        _release(scenario, seen)
        scenario.inject_faults()
        _release(scenario, seen)

    return walk


def _prepared(shape: Shape) -> Callable[[Scenario, Watched], None]:
    def walk(scenario: Scenario, seen: Watched) -> None:
        shape.prepare(scenario)
        _both(scenario, seen)

    return walk


def _group_gone(scenario: Scenario, seen: Watched) -> None:
    """Somebody deletes a group that an interface wore, so that a release looks for those that are left."""
    scenario.deliver(asff(C2))
    scenario.other_client().delete_security_group(GroupId=scenario.group("db"))
    _release(scenario, seen)


def _newcomer(scenario: Scenario, seen: Watched) -> None:
    """The account is too new for the directory, so that it is looked up."""
    del seen
    publish_directory(scenario, {})
    scenario.deliver(asff(C2))


def _observe(scenario: Scenario, seen: Watched) -> None:
    del seen
    scenario.deliver(asff(TOR))


@dataclass(frozen=True)
class Path:
    """One path. ``steps``: what policy says of the steps, as YAML; None: as the shipped policy has it."""

    walk: Callable[[Scenario, Watched], None] = _both
    hosts: Sequence[Instance] = (HOST,)
    faults: Sequence[str] = ()
    steps: str | None = None
    users: Sequence[User] = ()
    opted_in: bool = False


_NOBODY = "{isolate: {access: {}}}"
_LET_IN = "access: {ports: [22], cidrs: [198.51.100.0/24]}"
_MEMBER = {
    "scaling_group": ScalingGroup("web", min=0, max=9, desired=2),
    "target_groups": (TargetGroupSpec("web", 8080),),
    "profile": Profile("app-profile", "app-role"),
    "public_ip": "elastic",
}


_TARGET = instance(target_groups=(TargetGroupSpec("web", 8080),))


def _protected(scenario: Scenario, seen: Watched) -> None:
    """A member that is protected from scale-in is detached, so that its protection has to be given back."""
    scaling = scenario.other_client("autoscaling")
    scaling.set_instance_protection(InstanceIds=[INSTANCE], AutoScalingGroupName="web", ProtectedFromScaleIn=True)
    _both(scenario, seen)


_OF_OLD = {"status": "live", "cordon:incident": "inc-of-old"}
_FOUND = {
    "with earlier values of every tag": Shape(
        instance(tags=_OF_OLD, volumes=2), tags={"eni0": _OF_OLD, "vol0": _OF_OLD, "vol1": {"status": "isolated"}}
    ),
    **{name: SHAPES[name] for name in ("four interfaces", "spot", "protected already")},
}
"""Of the shapes that hosts are found in, those for which AWS is asked something else."""

PATHS: Mapping[str, Path] = {
    # The shipped policy lets investigators in by CIDR; EC2 asks the same for a prefix list or a group.
    "a fresh host": Path(),
    "another host, for which the group is there": Path(_second_host, (HOST, instance(SECOND))),
    "the recorded group has a rule too many": Path(_spoilt_group, (HOST, instance(SECOND))),
    "nobody is let in": Path(steps=_NOBODY),
    "observed": Path(_observe, steps=_NOBODY),
    "an account that the directory lacks": Path(_newcomer),
    "a member of a scaling group": Path(
        hosts=(instance(**_MEMBER), instance(SECOND, **_MEMBER)),
        steps=f"{{role_denial: {{users: [deploy-bot]}}, capture: {{user_data: true}}, isolate: {{{_LET_IN}}}}}",
        users=(User("deploy-bot", "444455556666"),),
    ),
    "a member that is detached, its connections ended": Path(
        _protected,
        hosts=(instance(**_MEMBER), instance(SECOND, **_MEMBER)),
        steps=f"{{scaling: {{leave: detach}}, isolate: {{{_LET_IN}, network_acl: true, idle_timeout: true, "
        "public_address: disassociate}}",
    ),
    "a target of its own accord": Path(hosts=(_TARGET, replace(_TARGET, id=SECOND)), steps="{scaling: {}}"),
    "by the opt-in role": Path(
        hosts=(instance(profile=Profile("app-profile", "app-role")),),
        steps="{role_denial: {inline: true, revoke_sessions: true, instance_profile: swap}}",
        opted_in=True,
    ),
    "investigators come by SSM": Path(
        steps="{isolate: {access: {ssm: [192.0.2.0/28]}}, role_denial: {ssm: exempt}}", hosts=(HOST,)
    ),
    "an original group is gone": Path(_group_gone),
    "what comes later": Path(_attached_later),
    **{f"found {name}": Path(_prepared(shape), (shape.host,)) for name, shape in _FOUND.items()},
    "the set of snapshots is refused": Path(faults=["ec2:CreateSnapshots=SnapshotLimitExceeded"]),
    "the set of snapshots times out": Path(faults=["ec2:CreateSnapshots=timeout-after"]),
    "tags one by one": Path(faults=["ec2:CreateTags=TagLimitExceeded*1"]),
    "the process dies when the group is made": Path(faults=["ec2:RevokeSecurityGroupEgress=crash-before"]),
    "the process dies after the swap": Path(faults=["ec2:ModifyNetworkInterfaceAttribute=crash-after"]),
    "a release that leaves groups and attributes": Path(
        _release_twice(
            "ec2:ModifyNetworkInterfaceAttribute=RequestLimitExceeded*20",
            "ec2:ModifyInstanceAttribute=RequestLimitExceeded*40",
        )
    ),
    "a release that leaves tags": Path(
        _release_twice("ec2:DeleteTags=RequestLimitExceeded*40", "ec2:CreateTags=RequestLimitExceeded*40")
    ),
}


@functools.cache
def walked(name: str, bundle: bytes) -> Watched:
    """Return what was seen on one path, in every role."""
    path = PATHS[name]
    seen = Watched()
    own = policy(f"steps: {path.steps}\n") if path.steps is not None else bundle
    world = {"users": tuple(path.users), "organization": OrganizationSpec(identity_role=path.opted_in)}
    staging = open_scenario(own, *path.hosts, faults=path.faults, warm=False, **world)
    with staging as scenario, watching(scenario, seen):
        path.walk(scenario, seen)
    return seen
