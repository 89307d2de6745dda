# SPDX-License-Identifier: Apache-2.0
"""StackSets with service-managed permissions: one template into every account of OUs, never the management account.

What CloudFormation says of them is kept as the stacks that they make, named as on AWS (``StackSet-NAME-ID``).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.lab.emulator import organizations
from hub.lab.emulator.clients import client

_POLL_SECONDS = 0.05
_UNDER_WAY = "_IN_PROGRESS"


@dataclass(slots=True)
class StackSet:
    """A stack set; ``instances``: account and Region -> the stack's name there."""

    name: str
    id: str
    account: str
    template: str
    capabilities: list[str]
    parameters: list[dict[str, str]]
    instances: dict[tuple[str, str], str] = field(default_factory=dict)


SETS: dict[str, StackSet] = {}


class StackSetError(Exception):
    """A stack set can't be deployed as asked, or failed in accounts; the text names them."""


def create(logical_id: str, properties: Mapping[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
    """Make the resource ``AWS::CloudFormation::StackSet``; raise StackSetError when a stack of it fails."""
    from ministack.core.responses import get_account_id, get_region

    account, home = get_account_id(), get_region()
    name = str(properties.get("StackSetName") or f"{stack_name}-{logical_id}")
    _check(properties, account)
    made = StackSet(
        name=name,
        id=f"{name}:{uuid.uuid4()}",
        account=account,
        template=str(properties["TemplateBody"]),
        capabilities=[str(each) for each in properties.get("Capabilities", [])],
        parameters=[dict(each) for each in properties.get("Parameters", [])],
    )
    SETS[made.id] = made
    try:
        _roll_out(made, properties, home)
    except StackSetError:
        delete(made.id, properties)
        raise
    return made.id, {"StackSetId": made.id}


def update(
    physical_id: str, _: Mapping[str, Any], properties: Mapping[str, Any], stack_name: str, logical_id: str = ""
) -> tuple[str, dict[str, Any]]:
    """Roll a changed stack set out."""
    from ministack.core.responses import get_account_id, get_region

    del stack_name, logical_id
    account, home = get_account_id(), get_region()
    _check(properties, account)
    changed = SETS[physical_id]
    changed.template = str(properties["TemplateBody"])
    _roll_out(changed, properties, home)
    return physical_id, {"StackSetId": physical_id}


def delete(physical_id: str, _: Mapping[str, Any]) -> None:
    """Delete a stack set with its stacks."""
    gone = SETS.pop(physical_id, None)
    for (account, region), stack in (gone.instances if gone else {}).items():
        client("cloudformation", account, region).delete_stack(StackName=stack)


def _check(properties: Mapping[str, Any], account: str) -> None:
    if properties.get("PermissionModel") != "SERVICE_MANAGED":
        raise StackSetError("the lab has stack sets with service-managed permissions alone")
    caller = "SELF" if account == organizations.management_of(account) else "DELEGATED_ADMIN"
    if properties.get("CallAs", "SELF") != caller:
        raise StackSetError(f"account {account} has to make this call as {caller}")
    if caller == "DELEGATED_ADMIN" and not organizations.is_delegated(account):
        raise StackSetError(f"account {account} is no delegated administrator of StackSets")


def _roll_out(made: StackSet, properties: Mapping[str, Any], home: str) -> None:
    failures: list[str] = []
    for group in properties.get("StackInstancesGroup", []):
        targets = group["DeploymentTargets"]
        if "Accounts" in targets:
            raise StackSetError("the lab deploys stack sets to OUs, not to single accounts")
        accounts = organizations.accounts_under(made.account, targets["OrganizationalUnitIds"])
        failures += [
            f"{account} {region}: {problem}"
            for account in accounts
            for region in group["Regions"] or [home]
            if (problem := _deploy(made, account, region))
        ]
    if failures:
        raise StackSetError("; ".join(failures))


def _deploy(made: StackSet, account: str, region: str) -> str:
    """Deploy into one account and Region, and return why that failed."""
    cloudformation = client("cloudformation", account, region)
    stack = made.instances.get((account, region))
    given = {
        "TemplateBody": made.template,
        "Capabilities": made.capabilities,
        "Parameters": made.parameters,
    }
    try:
        if stack is None:
            stack = f"StackSet-{made.name}-{uuid.uuid4()}"
            cloudformation.create_stack(StackName=stack, **given)
            made.instances[account, region] = stack
        else:
            cloudformation.update_stack(StackName=stack, **given)
    except cloudformation.exceptions.ClientError as error:
        text = str(error)
        return "" if "No updates are to be performed" in text else text
    while (state := cloudformation.describe_stacks(StackName=stack)["Stacks"][0])["StackStatus"].endswith(_UNDER_WAY):
        time.sleep(_POLL_SECONDS)
    if state["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        return ""
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    reasons = [each["ResourceStatusReason"] for each in events if each["ResourceStatus"].endswith("_FAILED")]
    return "; ".join(reasons) or str(state["StackStatus"])
