# SPDX-License-Identifier: Apache-2.0
"""Cut connections that are open by network ACLs: they know no connections, so what they deny ends at once.

An entry names the far end alone, so a host's own subnet can't single it out. What can are the other subnets that its
traffic crosses: those of NAT gateways, load balancers, endpoints and neighbours. Each ACL of the VPC that serves a
subnet gets entries that deny the host's addresses, before all others (docs/adr/0020). Two incidents on one ACL use
numbers of their own.

The investigators' way in survives, or nothing is cut: where they come from inside the VPC, or may come through one of
its subnets, an entry would cut them off as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, TypedDict

from functions.aws import errors
from functions.aws.command import aws_command
from functions.grants import Grant, reads
from functions.incident.model import ItemOutcome, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.incident.shared_resources import ResourceBusyError
from functions.steps.host import Host
from functions.steps.network import acl_entries, interface_groups, vpc_network
from functions.steps.network.acl_entries import Acl, NoRoomError
from functions.steps.network.vpc_network import VpcNetwork, past_other_subnets, refusal
from functions.steps.reading import read_until
from functions.steps.risk import CONNECTIONS, Aftermath, Risk
from functions.steps.shared import not_acquired, release_shared
from functions.steps.step import Step, Task, conclude, failed_item, try_call

NAME = "network_acl"
REFUSED = "network ACLs"
READING_ITEM = "reading back"
ANY_ACL = "(each network ACL of the VPC)"

_EXISTS, _GONE = "NetworkAclEntryAlreadyExists", ("InvalidNetworkAclID.NotFound", "InvalidNetworkAclEntry.NotFound")
_WHY = "Which ACLs a VPC has is not known when the session begins; EC2 has no key for what an entry says."
GRANTS = (
    *reads("ec2:DescribeNetworkAcls", "ec2:DescribeTransitGatewayVpcAttachments", "ec2:DescribeVpcs"),
    Grant("ec2:CreateNetworkAclEntry", "network-acl", _WHY),
)
RELEASE_GRANTS = (
    *reads("ec2:DescribeNetworkAcls"),
    Grant("ec2:DeleteNetworkAclEntry", "network-acl", _WHY),
)

SUBNET = Risk(
    "subnet-connections",
    "network ACLs act at the subnet's edge alone: open connections to neighbours, endpoints and NAT gateways in the "
    "host's own subnet live on, and those over peering, VPN and Direct Connect may",
)


class Section(TypedDict):
    """By ACL and address, with a blank between them: the numbers of entries that denied it before."""

    before: dict[str, list[int]]


class Receipt(TypedDict, total=False):
    """By ACL and address, the number of this incident's entries."""

    numbers: dict[str, dict[str, int]]


AclTask = Task[VpcNetwork, Section, Receipt]
Result = StepResult[Receipt]


def observe_with_host(task: AclTask) -> VpcNetwork:
    """Read the VPC, its ACLs, and whether a transit gateway is attached to it, all at once."""
    return vpc_network.read(task.member, str(task.host.vpc))


def baseline(host: Host, observation: Future[VpcNetwork]) -> Section:
    """Keep, for each ACL and address, the numbers of entries that deny it already: those are not ours.

    Of a VPC that may not be read nothing is kept, and nothing is changed in it.
    """
    try:
        network = observation.result()
    except errors.AwsError as error:
        if errors.transient(error):
            raise
        return {"before": {}}
    cidrs = acl_entries.addresses_of(host)
    return {
        "before": {
            f"{acl.id} {cidr}": sorted({entry.number for entry in acl.entries if entry.denies(cidr)})
            for acl in network.acls
            for cidr in cidrs
        }
    }


def extend_baseline(host: Host, observation: Future[VpcNetwork], section: Section) -> tuple[str, Section] | None:
    """Keep the same for addresses and ACLs that came after the baseline was taken."""
    now = baseline(host, observation)["before"]
    new = {pair: numbers for pair, numbers in now.items() if pair not in section["before"]}
    return (next(iter(new)), {"before": new}) if new else None


def plan(task: AclTask) -> tuple[PlannedCall, ...]:
    """Return a call for each address and direction, of an ACL that is still to be read."""
    return tuple(
        PlannedCall(NAME, "CreateNetworkAclEntry", acl_entries.parameters(ANY_ACL, number, cidr, egress=egress))
        for number, cidr in enumerate(acl_entries.addresses_of(task.host), 1)
        for egress in (False, True)
    )


def warning(_task: AclTask) -> str | None:
    """Say what is not read before it acts."""
    return (
        "will be refused where the VPC is another account's, or where investigators may come from inside it or "
        "through a transit gateway; an ACL without room is left out"
    )


def apply(task: AclTask, _prepared: None) -> Result:
    """Deny the host's addresses in every ACL, or say why that is refused.

    An address of the baseline that the host no longer has may be another's by now: it is named and not denied.
    """
    try:
        network = task.observed
    except errors.AwsError as error:
        return conclude(NAME, [failed_item(REFUSED, error)], Receipt())
    why = refusal(task, network)
    if why is not None:
        return conclude(NAME, [ItemOutcome(REFUSED, StepOutcome.SKIPPED, f"refused: {why}")], Receipt())
    pool = task.member.pool
    acquired = pool.lanes([partial(_acquire_numbers, task, acl) for acl in network.acls])
    shares = {
        acl: share for acl, share in zip(network.acls, acquired, strict=True) if not isinstance(share, ItemOutcome)
    }
    refused = [item for item in acquired if isinstance(item, ItemOutcome)]
    made = pool.lanes([make for acl, share in shares.items() for make in _entries(task, acl, share)])
    receipt: Receipt = {"numbers": {acl.id: share for acl, share in shares.items() if share}}
    nothing = "no network ACL serves a subnet of the host's VPC"
    return conclude(NAME, [*refused, *made, *_moved(task)], receipt, nothing=nothing)


def verify(task: AclTask, result: Result) -> Result:
    """Read the ACLs back: each entry is there, in both directions, and says what it should."""
    numbers: Mapping[str, Mapping[str, int]] = result.receipt.get("numbers", {})
    done = {item.what for item in result.items if item.outcome is StepOutcome.DONE}
    if not done:
        return result

    def missing() -> dict[str, ItemOutcome]:
        found = {acl.id: acl for acl in acl_entries.read(task.member, str(task.host.vpc))}
        return {
            _what(acl, cidr, egress=egress): _missing(found.get(acl), _what(acl, cidr, egress=egress), number, egress)
            for acl, share in numbers.items()
            for cidr, number in share.items()
            for egress in (False, True)
            if _what(acl, cidr, egress=egress) in done and not _is_there(found.get(acl), cidr, number, egress=egress)
        }

    try:
        gone = read_until(task.member.clock, missing, lambda found: not found)
    except errors.AwsError as error:
        return conclude(NAME, [*result.items, failed_item(READING_ITEM, error)], result.receipt)
    return conclude(NAME, [gone.get(item.what, item) for item in result.items], result.receipt)


def revert(task: AclTask, _result: Result, _now: Host) -> tuple[RestoredItem, ...]:
    """Take each entry away that still is as it was made, and release the ACL's numbers.

    Which numbers are this incident's the hub recorded before the first entry was made.
    """
    if not task.section["before"]:
        return ()
    acls = list(dict.fromkeys(pair.partition(" ")[0] for pair in task.section["before"]))
    # By id: a host that is gone is in no VPC any more, and an ACL keeps its entries when it serves no subnet.
    there = acl_entries.read_by_id(task.member, acls)
    work = [partial(_put_back, task, acl, there.get(acl)) for acl in acls]
    return tuple(item for items in task.member.pool.lanes(work) for item in items)


def unfit(item: RestoredItem) -> bool:
    """Tell whether an item of a release leaves the host denied for now."""
    return not item.restored and item.retry


def leaves(aftermath: Aftermath[Receipt]) -> Iterator[Risk]:
    """Name the connections that no ACL ends: those within the host's own subnet."""
    if aftermath.whole:
        yield SUBNET


def answers(aftermath: Aftermath[Receipt]) -> Iterator[Risk]:
    """Name the connections that are tracked: only these denials end them, at the edges of the VPC's other subnets.

    Shortened tracking does not end a connection with traffic on it, and without a public address other paths stay.
    """
    if aftermath.whole and not any(past_other_subnets(aftermath.host, each) for each in aftermath.host.interfaces):
        yield CONNECTIONS


class _NotAcquiredError(Exception):
    """The incident has no numbers of an ACL."""


def _what(acl: str, cidr: str, *, egress: bool) -> str:
    return f"{acl} {'to' if egress else 'from'} {cidr}"


def _resource(task: AclTask, acl: str) -> str:
    return f"acl#{task.member.target.region}#{acl}"


def _cidrs(task: AclTask, acl: str) -> list[str]:
    """Return the addresses that the baseline has for one ACL."""
    return [pair.partition(" ")[2] for pair in task.section["before"] if pair.startswith(f"{acl} ")]


def _still(task: AclTask, acl: str) -> list[str]:
    """Return those of them that the host still has."""
    has = acl_entries.addresses_of(task.host)
    return [cidr for cidr in _cidrs(task, acl) if cidr in has]


def _moved(task: AclTask) -> list[ItemOutcome]:
    """Tell of the addresses that the host no longer has."""
    has = acl_entries.addresses_of(task.host)
    kept = dict.fromkeys(pair.partition(" ")[2] for pair in task.section["before"])
    reason = (
        "the host no longer has this address, so no entry is made for it; any of an earlier try stays until release"
    )
    return [ItemOutcome(cidr, StepOutcome.SKIPPED, reason) for cidr in kept if cidr not in has]


def _is_there(acl: Acl | None, cidr: str, number: int, *, egress: bool) -> bool:
    found = acl.entry(number, egress=egress) if acl is not None else None
    return found is not None and found.denies(cidr)


def _missing(acl: Acl | None, what: str, number: int, egress: bool) -> ItemOutcome:
    if acl is not None and acl.entry(number, egress=egress) is not None:
        return ItemOutcome(
            what, StepOutcome.FAILED, f"rule {number} is somebody else's and says another thing", "Taken"
        )
    return ItemOutcome(what, StepOutcome.FAILED, "is not there when read back", "NotInEffect", transient=True)


def _acquire_numbers(task: AclTask, acl: Acl) -> dict[str, int] | ItemOutcome:
    """Return the numbers of one ACL that are this incident's and no other's, by address; or why there are none."""
    member, choose = task.member, partial(acl.room, _still(task, acl.id))
    try:
        use = member.shared_resources.acquire(
            member.target.account, _resource(task, acl.id), member.incident, {}, choose
        )
    except NoRoomError as error:
        return ItemOutcome(acl.id, StepOutcome.FAILED, str(error), error.code)
    except (ResourceBusyError, *errors.AwsError) as error:
        return not_acquired(acl.id, error)
    return {cidr: int(number) for cidr, number in use.share.items()}


def _entries(task: AclTask, acl: Acl, share: Mapping[str, int]) -> list[Callable[[], ItemOutcome]]:
    """Return what makes each entry of one ACL."""
    return [
        partial(_make, task, acl, cidr, share.get(cidr), egress=egress)
        for cidr in _still(task, acl.id)
        for egress in (False, True)
    ]


def _make(task: AclTask, acl: Acl, cidr: str, number: int | None, *, egress: bool) -> ItemOutcome:
    what = _what(acl.id, cidr, egress=egress)
    if number is None:
        return ItemOutcome(
            what, StepOutcome.FAILED, "came after the numbers were chosen, so none is left for it", "NoRoom"
        )
    if _is_there(acl, cidr, number, egress=egress):
        return ItemOutcome(what, StepOutcome.DONE, "is there")
    given = acl_entries.parameters(acl.id, number, cidr, egress=egress)
    item = try_call(what, lambda: task.member.ec2.create_network_acl_entry(**given))
    # A try that timed out may have made it; reading back tells whether it was that or somebody else's.
    return ItemOutcome(what, StepOutcome.DONE) if item.error == _EXISTS else item


def _put_back(task: AclTask, acl: str, now: Acl | None) -> list[RestoredItem]:
    member, resource = task.member, _resource(task, acl)
    try:
        share = member.shared_resources.acquire(
            member.target.account, resource, member.incident, {}, _not_acquired
        ).share
    except _NotAcquiredError:
        share = {}
    except ResourceBusyError as error:
        return [RestoredItem(NAME, f"entries of {acl}", restored=False, reason=str(error), retry=True)]
    items = []
    if now is None and share:
        items = [RestoredItem(NAME, f"entries of {acl}", restored=True, reason="it is gone, and they with it")]
    elif now is not None:
        removed = [
            _remove(task, now, cidr, int(number), egress=egress)
            for cidr, number in share.items()
            for egress in (False, True)
        ]
        items = [item for item in removed if item is not None]
    if any(item.retry for item in items):
        return items  # the numbers stay this incident's until its entries are gone
    released = release_shared(NAME, member, resource, f"numbers of {acl}", lambda _: [])
    return [*items, *(item for item in released if not item.restored)]


def _not_acquired(_: Mapping[str, Any]) -> None:
    raise _NotAcquiredError


def _remove(task: AclTask, acl: Acl, cidr: str, number: int, *, egress: bool) -> RestoredItem | None:
    """Delete one entry, if it is ours; None where there is none."""
    found = acl.entry(number, egress=egress)
    if found is None:
        return None
    what = f"entry {number} of {_what(acl.id, cidr, egress=egress)}"
    if not found.denies(cidr):
        return RestoredItem(NAME, what, restored=False, reason="says another thing by now, so it is left as it is")
    given = {"NetworkAclId": acl.id, "RuleNumber": number, "Egress": egress}
    try:
        task.member.ec2.delete_network_acl_entry(**given)
    except errors.AwsError as error:
        if errors.code(error) in _GONE:
            return RestoredItem(NAME, what, restored=True, reason="found gone")
        command = aws_command("ec2", "DeleteNetworkAclEntry", given, task.member.target.region)
        return RestoredItem(NAME, what, restored=False, reason=errors.message(error), retry=True, command=command)
    return RestoredItem(NAME, what, restored=True)


STEP = Step(
    name=NAME,
    within=interface_groups.NAME,
    on=lambda options: bool(options.get("network_acl")),
    grants=GRANTS,
    release_grants=RELEASE_GRANTS,
    services=("ec2",),
    observe_with_host=observe_with_host,
    baseline=baseline,
    plan=plan,
    warning=warning,
    apply=apply,
    verify=verify,
    revert=revert,
    extend_baseline=extend_baseline,
    risks=(SUBNET, CONNECTIONS),
    outlives_host=True,
    unfit=unfit,
    leaves=leaves,
    answers=answers,
)
