# SPDX-License-Identifier: Apache-2.0
"""Organisations, kept by moto: which one an account is in, where, and what its service control policies say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hub.lab.organization import LabWorld
from hub.simulation.organization import build_organization

_NAMING = ("AccountId", "ChildId", "OrganizationalUnitId", "ParentId", "TargetId")
"""Parameters that name what a call of Organizations is about."""


def build(world: LabWorld) -> None:
    """Make the organisations, with the hub as delegated administrator of what Cordon needs."""
    from moto.organizations.models import FakeDelegatedAdministrator

    services = ("securityhub.amazonaws.com", "member.org.stacksets.cloudformation.amazonaws.com")
    FakeDelegatedAdministrator.SUPPORTED_SERVICES.extend(services)
    for each in world.organizations:
        members = {account: (member.name, member.ou) for account, member in each.members.items()}
        build_organization(each.id, each.management, members)
    backend = _backend_of(world.ours.management)
    for service in (*services, "guardduty.amazonaws.com"):
        backend.register_delegated_administrator(AccountId=world.hub, ServicePrincipal=service)
        backend.enable_aws_service_access(ServicePrincipal=service)


def _backend_of(account: str) -> Any:
    """Return the organisation's backend for whatever account of it; None for one of no organisation."""
    from moto.organizations.models import organizations_backends

    backends: list[tuple[str, str, Any]] = list(organizations_backends.iter_backends())
    for _, _, backend in backends:
        if backend.org is not None and any(each.id == account for each in backend.accounts):
            return backend
    return None


def organization_of(account: str) -> str | None:
    """Return the id of the organisation that an account is in."""
    backend = _backend_of(account)
    return backend.org.id if backend is not None else None


def management_of(account: str) -> str | None:
    """Return the management account of the organisation that an account is in."""
    backend = _backend_of(account)
    return str(backend.account_id) if backend is not None else None


def is_delegated(account: str) -> bool:
    """Tell whether an account is a delegated administrator of whatever service."""
    backend = _backend_of(account)
    return backend is not None and any(each.account.id == account for each in backend.admins)


def accounts_under(account: str, targets: Sequence[str]) -> list[str]:
    """Return the accounts in OUs (or roots) and below, but never the management account."""
    backend = _backend_of(account)
    if backend is None:
        return []
    return sorted(
        each.id
        for each in backend.accounts
        if each.id != backend.account_id and any(unit in targets for unit in _way_up(backend, each))
    )


def path_of(account: str) -> str | None:
    """Return what ``aws:PrincipalOrgPaths`` has for an account: organisation, root and OUs down to it."""
    backend = _backend_of(account)
    if backend is None:
        return None
    units = [*_way_up(backend, backend.get_account_by_id(account))][::-1]
    return "/".join([backend.org.id, *units, ""])


def resource_of(account: str, asked: Mapping[str, Any]) -> str:
    """Return the ARN that a call of Organizations is about: the account or OU that it names, else ``*``."""
    backend = _backend_of(account)
    named = next((str(asked[name]) for name in _NAMING if name in asked), None)
    if backend is None or named is None:
        return "*"
    kind = "ou" if named.startswith("ou-") else "root" if named.startswith("r-") else "account"
    return f"arn:aws:organizations::{backend.account_id}:{kind}/{backend.org.id}/{named}"


def service_controls(account: str) -> list[list[dict[str, Any]]]:
    """Return the service control policies at each level above an account, and its own; none in the management."""
    backend = _backend_of(account)
    if backend is None or account == backend.account_id:
        return []
    levels = [account, *_way_up(backend, backend.get_account_by_id(account))]
    return [
        [
            json.loads(policy.content)
            for policy in backend.policies
            if policy.type == "SERVICE_CONTROL_POLICY" and any(each.id == level for each in policy.attachments)
        ]
        for level in levels
    ]


def _way_up(backend: Any, account: Any) -> Iterator[str]:
    """Yield the ids of an account's OU, of the OUs above it, and of the root."""
    parents = {unit.id: unit.parent_id for unit in backend.ou}
    unit = account.parent_id
    while unit:
        yield unit
        unit = parents.get(unit)
