# SPDX-License-Identifier: Apache-2.0
"""Security groups: a call works wholly or not at all, and what is worn can't be deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hub.simulation.corrections.refusals import ec2_error
from hub.simulation.patches import Patches


def correct(patches: Patches) -> None:
    """Replace the calls that change groups and their rules."""
    _correct_rules(patches)
    _correct_groups(patches)


def _correct_rules(patches: Patches) -> None:
    from moto.core.responses import ActionResult
    from moto.ec2.responses.security_groups import SecurityGroups

    def authorizing(direction: str) -> Callable[[Any], Any]:
        def authorize(response: Any) -> Any:
            response.error_on_dryrun()
            method = getattr(response.ec2_backend, f"authorize_security_group_{direction}")
            added: list[Any] = []
            with _WholeOrNothing(response):
                for rules in response._process_rules_from_querystring():
                    # moto keeps the rules of the last permission alone.
                    added.extend(method(**rules)[0])
            return ActionResult({"Return": True, "SecurityGroupRules": added})

        return authorize

    def revoking(direction: str) -> Callable[[Any], Any]:
        original = getattr(SecurityGroups, f"revoke_security_group_{direction}")

        def revoke(response: Any) -> Any:
            with _WholeOrNothing(response) as group:
                _check_rule_ids(group, response._get_param("SecurityGroupRuleIds", []), direction)
                return original(response)

        return revoke

    for direction in ("ingress", "egress"):
        patches.replace(SecurityGroups, f"authorize_security_group_{direction}", authorizing(direction))
        patches.replace(SecurityGroups, f"revoke_security_group_{direction}", revoking(direction))


def _correct_groups(patches: Patches) -> None:
    from moto.ec2.models.security_groups import SecurityGroupBackend

    create_original, delete_original = (
        SecurityGroupBackend.create_security_group,
        SecurityGroupBackend.delete_security_group,
    )

    def create(backend: Any, name: str, description: str, vpc_id: str | None = None, **rest: Any) -> Any:
        if vpc_id is not None and vpc_id not in backend.vpcs:
            raise ec2_error("InvalidVpcID.NotFound", f"The vpc ID '{vpc_id}' does not exist")
        return create_original(backend, name, description, vpc_id=vpc_id, **rest)

    def delete(backend: Any, name: str | None = None, group_id: str | None = None) -> None:
        if any(group.id == group_id for eni in backend.enis.values() for group in eni.group_set):
            raise ec2_error("DependencyViolation", f"resource {group_id} has a dependent object")
        delete_original(backend, name, group_id)

    patches.replace(SecurityGroupBackend, "create_security_group", create)
    patches.replace(SecurityGroupBackend, "delete_security_group", delete)


class _WholeOrNothing:
    """Puts a group's rules back when the call that changes them fails half-way."""

    def __init__(self, response: Any) -> None:
        group_id = response._get_param("GroupId") or response._get_param("GroupName")
        self._group = response.ec2_backend.get_security_group_by_name_or_id(group_id)
        if self._group is None:
            raise ec2_error("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
        self._rules = (list(self._group.ingress_rules), list(self._group.egress_rules))

    def __enter__(self) -> Any:
        return self._group

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._group.ingress_rules, self._group.egress_rules = self._rules


def _check_rule_ids(group: Any, rule_ids: list[str], direction: str) -> None:
    known = {rule.id for rule in getattr(group, f"{direction}_rules")}
    for rule_id in rule_ids:
        if rule_id not in known:
            raise ec2_error(
                "InvalidSecurityGroupRuleId.NotFound", f"The security group rule ID '{rule_id}' does not exist"
            )
