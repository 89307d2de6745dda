# SPDX-License-Identifier: Apache-2.0
"""One call becomes everything that its service asks IAM for it: each resource involved, with what is known of it.

The lab enforces the members' policies with this, and the tests prove them with it, so it must never allow anything
through silently: an operation that isn't in the table is an error, and so is an id of an unknown kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jmespath

from hub.authorization.elsewhere import ELSEWHERE, GLOBAL_REGIONS, IAM_PREFIXES, KEYS, PATTERNS, TAGGED
from hub.authorization.involved import ATTRIBUTES, ID_PREFIXES, INVOLVED, PROFILES, WITHOUT_ACCOUNT, Involved

Context = Mapping[str, str | tuple[str, ...]]
Tags = Callable[[str], Mapping[str, str]]

NOT_NAMED = "*"
"""In place of the id of what a call makes or doesn't name, as EC2's own denials have it."""


class UnknownOperationError(Exception):
    """It is unknown what a service asks IAM for this call: ``operation``, and why."""

    def __init__(self, operation: str, why: str, service: str = "ec2") -> None:
        super().__init__(f"{service}:{operation}: {why}")
        self.operation = operation


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """One question to IAM: the action, on the ARN of one resource (or ``*``), with the condition keys that it has."""

    action: str
    resource: str
    context: Context


def _nobody(_: str) -> None:
    return None


def _none(_: str) -> Mapping[str, str]:
    return {}


def _unknown(_: str, __: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class CallPlace:
    """Where a call is made, and what AWS knows there that the call doesn't say.

    owner       id of a resource -> the account that owns it, where it is another (a shared VPC and its groups)
    volumes     id of an instance -> its volumes: device -> volume id
    host        id of a network interface, or of an attachment -> the instance at its end
    attachment  id of an attachment -> the network interface at its end
    linked      id of an association (of an address, of an instance profile) -> what it joins: type -> id
    arn         type and name of something of another service -> its ARN, where there is one of that name
    passed      ARN of an instance profile -> the ARN of its role, where it has one
    """

    partition: str
    account: str
    region: str
    owner: Callable[[str], str | None] = field(default=_nobody)
    volumes: Callable[[str], Mapping[str, str]] = field(default=_none)
    host: Callable[[str], str | None] = field(default=_nobody)
    attachment: Callable[[str], str | None] = field(default=_nobody)
    linked: Callable[[str], Mapping[str, str]] = field(default=_none)
    arn: Callable[[str, str], str | None] = field(default=_unknown)
    passed: Callable[[str], str | None] = field(default=_nobody)


def requests_of(
    operation: str, parameters: Mapping[str, Any], place: CallPlace, tags: Tags, service: str = "ec2"
) -> tuple[AuthorizationRequest, ...]:
    """Return every question that a service asks IAM for one call; raise UnknownOperationError for what isn't known.

    ``parameters`` and ``service`` as boto3 takes them; ``tags`` returns the tags that a resource has before the call:
    of EC2's by its id, of others by its ARN.
    """
    if service != "ec2":
        return tuple(_of_another(IAM_PREFIXES.get(service, service), operation, parameters, (place, tags)))
    if operation not in INVOLVED:
        raise UnknownOperationError(operation, "not in the table of operations")
    everywhere = {"aws:RequestedRegion": place.region, "ec2:Region": place.region}
    if not INVOLVED[operation]:
        return (AuthorizationRequest(f"ec2:{operation}", "*", everywhere),)
    profile = _profile(operation, parameters, place)
    given = {"ec2:NewInstanceProfile": profile} if profile else {}
    asked = tuple(
        request
        for involved in INVOLVED[operation]
        for kind, name in _resources(operation, involved, parameters, place)
        for request in _asked(
            operation,
            involved,
            parameters,
            (kind, _arn(kind, name, place)),
            {**everywhere, **given, **_resource_tags({} if name == NOT_NAMED else tags(name))},
        )
    )
    return (*asked, *_passing(profile, place))


def _profile(operation: str, parameters: Mapping[str, Any], place: CallPlace) -> str | None:
    """Return the ARN of the instance profile that a call gives to an instance: the call may have only its name."""
    if operation not in PROFILES:
        return None
    found = jmespath.search(PROFILES[operation], parameters) or {}
    return str(found["Arn"]) if "Arn" in found else _of_name("instance-profile", str(found.get("Name", "")), place)


def _passing(profile: str | None, place: CallPlace) -> Iterator[AuthorizationRequest]:
    """Ask for the right to pass the role of a profile: a profile without a role passes none."""
    if profile is not None and (role := place.passed(profile)):
        service = "ec2.amazonaws.com" + (".cn" if place.partition == "aws-cn" else "")
        yield AuthorizationRequest(
            "iam:PassRole", role, {"aws:RequestedRegion": place.region, "iam:PassedToService": service}
        )


def _of_another(
    service: str, operation: str, parameters: Mapping[str, Any], known: tuple[CallPlace, Tags]
) -> Iterator[AuthorizationRequest]:
    action, (place, tags) = f"{service}:{operation}", known
    if action not in ELSEWHERE:
        raise UnknownOperationError(operation, "not in the table of operations", service)
    region = GLOBAL_REGIONS.get(place.partition, place.region) if service == "iam" else place.region
    context = {"aws:RequestedRegion": region, **_keys(action, parameters)}
    if not ELSEWHERE[action]:
        yield AuthorizationRequest(action, NOT_NAMED, context)
    for named in ELSEWHERE[action]:
        for name in _listed(jmespath.search(named.ids, parameters)):
            arn = _of_name(named.kind, name, place) if named.kind in PATTERNS else name
            yield AuthorizationRequest(
                action, arn, {**context, **(_resource_tags(tags(arn), service) if named.kind in TAGGED else {})}
            )


def _of_name(kind: str, name: str, place: CallPlace) -> str:
    made_up = PATTERNS[kind].format(partition=place.partition, account=place.account, region=place.region, name=name)
    return place.arn(kind, name) or made_up


def _keys(action: str, parameters: Mapping[str, Any]) -> dict[str, str | tuple[str, ...]]:
    found: dict[str, str | tuple[str, ...]] = {}
    for key, path in KEYS.get(action, {}).items():
        value = jmespath.search(path, parameters)
        if value:
            found[key] = tuple(sorted(value)) if isinstance(value, list) else str(value)
    pairs = _listed(parameters.get("Tags"))
    return {**found, **{f"aws:RequestTag/{pair['Key']}": str(pair["Value"]) for pair in pairs}}


def _asked(
    operation: str, involved: Involved, parameters: Mapping[str, Any], resource: tuple[str, str], context: Context
) -> Iterator[AuthorizationRequest]:
    kind, arn = resource
    given = _given_tags(operation, kind, parameters)
    asked: dict[str, str | tuple[str, ...]] = {**context}
    if involved.attribute:
        asked |= _attributes(operation, parameters)
    if involved.made or operation in ("CreateTags", "DeleteTags"):
        asked |= given
    yield AuthorizationRequest(f"ec2:{operation}", arn, asked)
    if involved.made and given:
        yield AuthorizationRequest("ec2:CreateTags", arn, {**context, **given, "ec2:CreateAction": operation})


def _resources(
    operation: str, involved: Involved, parameters: Mapping[str, Any], place: CallPlace
) -> Iterator[tuple[str, str]]:
    if not involved.ids:
        yield involved.kind, NOT_NAMED
        return
    for name in _listed(jmespath.search(involved.ids, parameters)):
        if involved.via == "volumes":
            yield from ((involved.kind, volume) for volume in place.volumes(name).values() or (NOT_NAMED,))
        elif involved.via == "devices":
            yield involved.kind, place.volumes(str(parameters.get("InstanceId"))).get(name, NOT_NAMED)
        elif involved.via == "host":
            if host := place.host(name):
                yield involved.kind, host
        elif involved.via == "attachment":
            yield involved.kind, place.attachment(name) or NOT_NAMED
        elif involved.via == "linked":
            joined = place.linked(name)
            if involved.kind in joined or not joined:
                yield involved.kind, joined.get(involved.kind, NOT_NAMED)
        else:
            yield involved.kind or _kind(operation, name), name


def _kind(operation: str, name: str) -> str:
    kind = ID_PREFIXES.get(name.partition("-")[0])
    if kind is None:
        raise UnknownOperationError(operation, f"{name!r} is the id of an unknown kind of resource")
    return kind


def _arn(kind: str, name: str, place: CallPlace) -> str:
    owner = "" if kind in WITHOUT_ACCOUNT else place.owner(name) or place.account
    return f"arn:{place.partition}:ec2:{place.region}:{owner}:{kind}/{name}"


def _resource_tags(tags: Mapping[str, str], service: str = "ec2") -> dict[str, str]:
    return {f"{prefix}:ResourceTag/{key}": value for key, value in tags.items() for prefix in ("aws", service)}


def _given_tags(operation: str, kind: str, parameters: Mapping[str, Any]) -> dict[str, str | tuple[str, ...]]:
    """Return the keys for the tags in the request. DeleteTags may name keys without values, or nothing at all."""
    if operation in ("CreateTags", "DeleteTags"):
        pairs = _listed(parameters.get("Tags"))
    else:
        specifications = _listed(parameters.get("TagSpecifications"))
        pairs = [pair for each in specifications if each["ResourceType"] == kind for pair in each["Tags"]]
    if not pairs:
        return {}
    values = {f"aws:RequestTag/{pair['Key']}": str(pair["Value"]) for pair in pairs if "Value" in pair}
    return {**values, "aws:TagKeys": tuple(sorted(pair["Key"] for pair in pairs))}


def _attributes(operation: str, parameters: Mapping[str, Any]) -> dict[str, str | tuple[str, ...]]:
    found: dict[str, str | tuple[str, ...]] = {}
    for parameter, name in ATTRIBUTES[operation].items():
        if parameter in parameters:
            found["ec2:Attribute"] = name
            value = parameters[parameter]
            value = value.get("Value", "") if isinstance(value, Mapping) else value
            if isinstance(value, (str, bool, bytes)):
                found[f"ec2:Attribute/{name}"] = "" if isinstance(value, bytes) else str(value).lower()
    if not found and parameters.get("Attribute"):  # the older form, in a word of its own
        name = parameters["Attribute"][0].upper() + parameters["Attribute"][1:]
        found = {"ec2:Attribute": name, f"ec2:Attribute/{name}": str(parameters.get("Value", ""))}
    if operation == "ModifySnapshotAttribute":
        found |= _sharing(parameters)
    if not found:
        raise UnknownOperationError(operation, f"changes no known attribute: {', '.join(sorted(parameters))}")
    return found


def _sharing(parameters: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the accounts of a share: the call has one structure, or lists with the operation beside them."""
    way = "Remove" if parameters.get("OperationType") == "remove" else "Add"
    told = parameters.get("CreateVolumePermission", {})
    found: dict[str, tuple[str, ...]] = {}
    for direction in ("Add", "Remove"):
        lists = parameters if direction == way else {}
        for key, plural, single in (("userId", "UserIds", "UserId"), ("group", "GroupNames", "Group")):
            named = [each[single] for each in told.get(direction, []) if single in each]
            if values := (*named, *lists.get(plural, [])):
                found[f"ec2:{direction}/{key}"] = tuple(values)
    return found


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
