# SPDX-License-Identifier: Apache-2.0
"""What a containment amounts to: its state, what risk is left, and a sentence. Pure.

Risk is told from what is known of the host and what the steps did. No combination of steps makes a complete cut, and
none is claimed: a word goes only where something that takes its ground away was done and read back.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from functions.containment.contain import SWITCHED_OFF
from functions.incident.model import State, StepOutcome, StepResult
from functions.policy.decide import is_eks_node
from functions.steps.evidence import protect, snapshot
from functions.steps.host import Host, Interface
from functions.steps.iam import sessions
from functions.steps.iam.users import ABSENT
from functions.steps.network import isolate

DNS_EXFILTRATION = ("Trojan:EC2/DNSDataExfiltration",)
"""Types whose own channel is the VPC's DNS resolver, which security groups never filter."""

_CREDENTIALS_LEFT = re.compile(r"UnauthorizedAccess:\w+/(InstanceCredentialExfiltration\.\w+|MetadataDNSRebind)")
"""Types whose own channel is the role's credentials, used from elsewhere."""

RESIDUAL_DNS = "dns"
RESIDUAL_METADATA = "instance-metadata"
RESIDUAL_CONNECTIONS = "tracked-connections"
RESIDUAL_SUBNET = "subnet-connections"
RESIDUAL_ADDRESS = "public-address"
RESIDUAL_NETWORK = "network"
RESIDUAL_INTERFACES = "interfaces"
RESIDUAL_MANAGED = "managed-interfaces"
RESIDUAL_BRANCHES = "branch-interfaces"
RESIDUAL_ROLE = "role-credentials"
RESIDUAL_CHAINED = "chained-sessions"
RESIDUAL_PODS = "pod-identities"
RESIDUAL_USERS = "user-credentials"
RESIDUAL_SCALING = "scaling-group"
RESIDUAL_BALANCER = "load-balancer"
RESIDUAL_STORE = "instance-store"
RESIDUAL_TERMINATION = "termination"
RESIDUAL_RISKS = {
    RESIDUAL_NETWORK: "none of the host's interfaces is isolated: each wears the groups that it had",
    RESIDUAL_CONNECTIONS: "connections that were open when the groups changed live on until they time out",
    RESIDUAL_SUBNET: "network ACLs act at the subnet's edge alone: open connections to neighbours, endpoints and NAT "
    "gateways in the host's own subnet live on, and those over peering, VPN and Direct Connect may",
    RESIDUAL_ADDRESS: "the host still has a public address, over which open connections with the internet live on",
    RESIDUAL_DNS: "security groups never filter the VPC's DNS resolver, so data can still leave by DNS queries",
    RESIDUAL_METADATA: "security groups never filter the metadata service, so the host still gets its credentials",
    RESIDUAL_INTERFACES: "an interface of the host does not wear the quarantine group",
    RESIDUAL_MANAGED: "an interface that an AWS service manages kept its groups, since nobody else may change them",
    RESIDUAL_BRANCHES: "interfaces of pods or tasks hang on the host's trunk interface and keep groups of their own",
    RESIDUAL_ROLE: "credentials of the host's role still work, on the host and wherever they were carried to",
    RESIDUAL_CHAINED: "sessions of other roles that were opened with the host's credentials are not covered by a "
    "denial of its role",
    RESIDUAL_PODS: "the host is a Kubernetes node: its pods may hold credentials of roles of their own",
    RESIDUAL_USERS: "an IAM user that was named as involved still has access keys that work",
    RESIDUAL_SCALING: "the host is still in service in its Auto Scaling group, which may terminate it as unhealthy",
    RESIDUAL_BALANCER: "a load balancer may still send the host requests",
    RESIDUAL_STORE: "the host's instance store is on no snapshot, and is erased when the host stops",
    RESIDUAL_TERMINATION: "nothing keeps the host from being terminated; what is not on a snapshot would be lost",
}
"""Every word of ``residual_risk``, with what it means."""

NOT_ISOLATED = frozenset({RESIDUAL_NETWORK, RESIDUAL_INTERFACES, RESIDUAL_MANAGED})
"""The words each of which says that the host, or a part of it, is still on the network."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """State, residual risk as words, and a sentence for a person."""

    state: State
    residual_risk: tuple[str, ...]
    reason: str


def judge(
    results: Sequence[StepResult], finding_types: Iterable[str], host: Host, users: Sequence[str] = ()
) -> Verdict:
    """Return what the results amount to. ``users`` are the IAM users that the findings name."""
    types = tuple(finding_types)
    isolation = _of(results, isolate.NAME)
    isolated = set(isolation.receipt.get("swapped", [])) if isolation else set()
    verified = set(isolation.receipt.get("verified", [])) if isolation else set()
    failed = [result for result in results if result.outcome is StepOutcome.FAILED]
    gaps = "; ".join(f"{result.name} failed ({result.reason})" for result in failed)
    beside = (*_identity(results, types, host, users), *_surroundings(results, host))
    if not isolated or isolation is None:
        why = gaps or (isolation.reason if isolation is not None else "isolation is no step of this decision")
        wanted = isolation is not None and isolation.outcome is StepOutcome.FAILED
        state = State.FAILED if wanted else State.PARTIAL
        return Verdict(state, (RESIDUAL_NETWORK, *_network(results, host, verified), *beside), f"not isolated: {why}")
    risks = (*_network(results, host, verified), *_unworn(isolation, host, verified), *beside)
    count = f"{len(isolated)} of {len(host.interfaces)} interfaces isolated"
    if verified < isolated:
        count += f", {len(verified)} read back"
    if isolation.outcome is StepOutcome.DONE and isolation.reason:
        count += f"; {isolation.reason}"  # what was odd, though it kept no interface from being isolated
    if failed:
        return Verdict(State.PARTIAL, risks, f"{count}; {gaps}")
    channel = own_channel(types, risks)
    if channel:
        return Verdict(State.PARTIAL, risks, f"{count}; the finding's own channel, {channel}")
    return Verdict(State.CONTAINED, risks, count)


def own_channel(finding_types: Iterable[str], risks: Iterable[str]) -> str | None:
    """Return which channel of the findings themselves is left while these risks stand, as a clause; or None."""
    types, left = tuple(finding_types), set(risks)
    if RESIDUAL_DNS in left and any(each in DNS_EXFILTRATION for each in types):
        return "DNS, is not cut by groups"
    if RESIDUAL_ROLE in left and any(_CREDENTIALS_LEFT.fullmatch(each) for each in types):
        return "the role's credentials, still works"
    return None


def _unworn(isolation: StepResult, host: Host, verified: set[str]) -> Iterator[str]:
    """Name that interfaces were left out which another try may isolate; those that a service manages it can't."""
    own = {each.id for each in host.interfaces if not (each.managed_by or host.managed_by)}
    managed = {each.id for each in host.interfaces} - own
    if own - verified or isolate.unisolated(isolation) - managed:
        yield RESIDUAL_INTERFACES


def _network(results: Sequence[StepResult], host: Host, verified: set[str]) -> Iterator[str]:
    """Name what is left of the host's ways by network, even once it wears the quarantine group.

    Connections are tracked per path. Shortened tracking does not end a connection with traffic on it, and without a
    public address the other paths stay. Only the denials of a network ACL end connections, at the edges of the VPC's
    other subnets: not within the host's own, nor where traffic crosses none of them.
    """
    acl = _whole(results, "network_acl")
    if acl:
        yield RESIDUAL_SUBNET
    if not acl or any(_past_other_subnets(host, each) for each in host.interfaces):
        yield RESIDUAL_CONNECTIONS
    public_address = _of(results, "public_address")
    taken = public_address.receipt.get("disassociated", ()) if public_address is not None else ()
    # Failed may also mean that EC2 assigned another one in its place.
    left = any(each.address not in taken for interface in host.interfaces for each in interface.public)
    if left or (public_address is not None and public_address.outcome is StepOutcome.FAILED):
        yield RESIDUAL_ADDRESS
    yield RESIDUAL_DNS
    yield RESIDUAL_METADATA
    if any((each.managed_by or host.managed_by) and each.id not in verified for each in host.interfaces):
        yield RESIDUAL_MANAGED
    if any(each.kind in ("trunk", "branch") for each in host.interfaces):
        yield RESIDUAL_BRANCHES


def _identity(results: Sequence[StepResult], types: Sequence[str], host: Host, users: Sequence[str]) -> Iterator[str]:
    """Name whose credentials still work.

    Revoking a role's sessions lets the host get new ones, and a swapped profile leaves those that it got before: the
    role's credentials are off when the role is denied for this host, whatever else was done.
    """
    role_denial = _of(results, "role_denial")
    roleless = role_denial is not None and bool(role_denial.receipt.get("roleless"))
    # Where credentials are known to have left, those of a role that was taken out of the profile since live on too.
    role = (host.profile is not None and not roleless) or any(_CREDENTIALS_LEFT.fullmatch(each) for each in types)
    inline = _of(results, sessions.NAME)
    denied = inline is not None and sessions.INLINE in inline.receipt.get("purposes", ())
    if role and not (_whole(results, "role_denial") or (denied and _whole(results, sessions.NAME))):
        yield RESIDUAL_ROLE
    if role:
        yield RESIDUAL_CHAINED
    if is_eks_node(host.tags):
        yield RESIDUAL_PODS
    restricted = _of(results, "users")
    known = [item for item in restricted.items if item.reason != ABSENT] if restricted is not None else []
    if any(item.outcome is not StepOutcome.DONE for item in known) or (users and not known):
        yield RESIDUAL_USERS


def _surroundings(results: Sequence[StepResult], host: Host) -> Iterator[str]:
    """Name what others may still do to the host, and what of it would be lost."""
    scaling = _of(results, "scaling")
    out = scaling is not None and scaling.outcome is not StepOutcome.FAILED and scaling.reason != SWITCHED_OFF
    if host.facts.scaling_group is not None and not out:
        yield RESIDUAL_SCALING
    targets = _of(results, "targets")
    nowhere = targets is not None and targets.outcome is StepOutcome.SKIPPED and not targets.items
    if not (nowhere or _whole(results, "targets")):  # where nobody looked, no one knows that it is in none
        yield RESIDUAL_BALANCER
    snapshots = _of(results, snapshot.NAME)
    if snapshots is not None and any(item.what == snapshot.STORE_ITEM for item in snapshots.items):
        yield RESIDUAL_STORE
    protected = _of(results, protect.NAME)
    items = protected.items if protected is not None else ()
    if not any(item.what == protect.TERMINATION and item.outcome is StepOutcome.DONE for item in items):
        yield RESIDUAL_TERMINATION


def _past_other_subnets(host: Host, interface: Interface) -> bool:
    """Tell whether connections of an interface may cross no other subnet of the VPC, or by no address denied there.

    So does IPv6 through an internet gateway, a delegated prefix, and whatever is in another VPC.
    """
    unique_local = ipaddress.ip_network("fc00::/7")
    public_address = [ipaddress.ip_address(each) for each in interface.addresses]
    reachable = any(each.version == 6 and each not in unique_local for each in public_address)  # noqa: PLR2004
    return reachable or interface.prefixes or interface.vpc not in (None, host.vpc)


def _of(results: Iterable[StepResult], name: str) -> StepResult | None:
    return next((result for result in results if result.name == name), None)


def _whole(results: Iterable[StepResult], name: str) -> bool:
    """Tell whether a step did something and left nothing of it out."""
    result = _of(results, name)
    return (
        result is not None
        and result.outcome is StepOutcome.DONE
        and bool(result.items)
        and all(item.outcome is StepOutcome.DONE for item in result.items)
    )
