# SPDX-License-Identifier: Apache-2.0
"""docs/reference/permissions.md, rendered from the records: no part of it is written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from functions import names
from functions.grants import Conditions, Grant, reading
from functions.steps.registry import Needed, contain_grants, identity_grants, release_grants
from member_stacks.document import narrowed

QUALIFIER = "cordon"
"""The page shows names as the usual deployment has them."""

_HEAD = """\
# Permissions of the member roles

Every action that Cordon may take in a member account, on which kind of resource, what needs it, what narrows it, and
why it can't be narrower. This page is made from the records that the roles are made from
(`UPDATE_GOLDEN=1 pytest tests/member_stacks`); `tests/member_stacks` compares the two, and compares every condition key
with AWS's service authorization reference.

Three things narrow every row, and are not repeated:

- the Regions of the deployment (`aws:RequestedRegion`; IAM itself has none);
- the session policy: the one instance of the incident, the finding's Region, the actions of the mode; of everything
  else (interfaces, volumes, groups, ACLs, scaling groups, target groups, roles, users) what the account has. The
  function chooses it, so it restricts mistakes and stolen sessions, but not an attacker who runs code in the function.
  For such an attacker only the columns below apply;
- the permission boundary: nothing of Cordon's own IAM path, no further role, no snapshot to any account but forensics.

`{incident}` stands for the incident of the session. It is the session's tag `{tag}`; the role's trust
demands that the tag equals the session's name and SourceIdentity. Conditions on `ec2:Attribute` are also true where EC2
doesn't send the key: EC2 documents the key but not how it spells each value, and no containment may fail by a spelling.

{counts}"""

_STACK = f"""\
Everything is in the IAM path `{names.iam_path(QUALIFIER)}`, in one Region, without parameters; every name begins with
the deployment's qualifier.
"""

_ROLES = {
    names.CONTAIN: "Role, with a managed policy of the same name, and more of them (`-2`) where one is too small.",
    names.RELEASE: "Role, with a managed policy of the same name, and more of them (`-2`) where one is too small.",
    names.IDENTITY: "Role, with a managed policy of the same name; opt-in.",
}

_SECTIONS = {
    names.CONTAIN: """\
Assumed by the intake function alone. In `observe` and `approve` the session policy leaves the actions that describe.
""",
    names.RELEASE: """\
Assumed by the release function alone.
""",
    names.IDENTITY: """\
Made only where the deployment asks for it (`rollout.identity`), and assumed by the intake function and the release
function. It is for inline denial, for revoking sessions and for swapping the instance profile. A principal that may
write an inline policy is in effect administrator of the account. The denial that Cordon ships as a managed policy needs
none of this.
""",
}


def render() -> str:
    """Return the page."""
    roles = {
        names.CONTAIN: contain_grants(),
        names.RELEASE: release_grants(),
        names.IDENTITY: identity_grants(),
    }
    tag = names.incident_tag(QUALIFIER)
    parts = [
        _HEAD.format(
            incident="{incident}",
            tag=tag,
            counts=_table(("role", "grants", "narrowed further"), (_counted(name, roles[name]) for name in roles)),
        )
    ]
    for name, text in _SECTIONS.items():
        rows = (_row(needed) for needed in sorted(roles[name], key=_order))
        parts.append(f"## {name}\n\n{text}\n{_table(_COLUMNS, rows)}")
    parts.append(f"## The whole stack\n\n{_STACK}\n{_table(('name', 'what it is'), _made())}")
    return "\n".join(parts)


def _made() -> Iterable[tuple[str, str]]:
    """Tell what the member stack makes, by name."""
    roles = {names.member_role(QUALIFIER, purpose): text for purpose, text in _ROLES.items()}
    others = {
        names.member_policy(QUALIFIER, "boundary"): "Permission boundary of all these roles.",
        names.restriction_policy(QUALIFIER): (
            "Managed policy: denies ending, changing or freeing what is tagged `status=isolated` or belongs to an "
            "incident, writing those tags, the serial console of any host, and getting out of the policy by IAM. It "
            "can be attached to roles; permission sets name it by this name and path."
        ),
        names.restricted_group(QUALIFIER): "IAM group that has it, for IAM users: others can't be in a group.",
        names.member_policy(QUALIFIER, "denial"): (
            "Managed policy: denies a role everything but Systems Manager, for the instances that the role's tags "
            f"`{names.denied_tag(QUALIFIER, 1)}` to `{names.denied_tag(QUALIFIER, names.DENIED_TAGS)}` name by ARN. "
            "Attached to no role until a step does so."
        ),
        names.quarantined_role(QUALIFIER): "Role and instance profile that may do nothing; made with `identity` alone.",
    }
    for name, text in {**roles, **others}.items():
        yield f"`{name}`", text


_COLUMNS = ("action", "resource", "needed by", "narrowed by", "why not narrower")


def _order(needed: Needed) -> tuple[bool, str, str]:
    grant = needed.grant
    return (reading(grant.action), grant.action, grant.resource)


def _counted(name: str, grants: Sequence[Needed]) -> tuple[str, ...]:
    return (name, str(len(grants)), str(sum(narrowed(needed.grant) for needed in grants)))


def _row(needed: Needed) -> tuple[str, ...]:
    grant = needed.grant
    return (
        f"`{grant.action}`",
        _resource(grant),
        ", ".join(needed.steps),
        _conditions(grant.conditions),
        grant.why,
    )


def _resource(grant: Grant) -> str:
    if grant.resource == "*":
        return "any"
    return f"`{_shown(grant.resource)}`" + (", any owner's" if grant.any_owner else "")


def _conditions(conditions: Conditions) -> str:
    told = []
    for operator, keys in conditions.items():
        alike: dict[tuple[str, ...], list[str]] = {}
        for key, values in keys.items():
            alike.setdefault(values, []).append(key)
        for values, named in alike.items():
            told.append(f"{', '.join(f'`{_shown(key)}`' for key in named)} {_verb(operator, values)}")
    return "; ".join(told) or "-"


def _verb(operator: str, values: tuple[str, ...]) -> str:
    if operator == "Null":
        return "absent" if values == ("true",) else "present"
    words = {
        "StringEquals": "=",
        "ArnEquals": "=",
        "StringLike": "like",
        "StringNotEqualsIgnoreCase": "not",
        "ForAllValues:StringEquals": "only",
    }
    return f"{words[operator]} {', '.join(f'`{_shown(value)}`' for value in values)}"


def _shown(text: str) -> str:
    tag = names.incident_tag(QUALIFIER)
    text = (
        text.replace("{incident_tag}", tag)
        .replace("{qualifier}", QUALIFIER)
        .replace(f"${{aws:PrincipalTag/{tag}}}", "{incident}")
    )
    return text.replace("${AWS::Partition}", "PARTITION").replace("${AWS::AccountId}", "ACCOUNT")


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = tuple(heads)
    lines = [columns, tuple("---" for _ in columns), *(tuple(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
