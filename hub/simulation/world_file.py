# SPDX-License-Identifier: Apache-2.0
"""Reads a world file into a ``WorldSpec``, and reports every problem of it at once, with its place.

Scalars are read as they stand, not as YAML would guess: an account id with a leading zero stays one, with or without
quotation marks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_args

import yaml

from hub.simulation.errors import WorldError, suggestion
from hub.simulation.world_checks import check_references
from hub.simulation.world_spec import (
    DEFAULT_FORENSICS,
    DEFAULT_HUB,
    DEFAULT_ORGANIZATION,
    AccountSpec,
    Eni,
    GroupRuleSpec,
    Instance,
    InstanceState,
    Lifecycle,
    OrganizationSpec,
    Profile,
    PublicIp,
    RegisteredBy,
    ScalingGroup,
    SecurityGroup,
    TargetGroupSpec,
    User,
    WorldSpec,
)

_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]")
_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")
_OU = re.compile(r"/|(/[^/]+)+/?")
_FLAGS_OF_INTERFACE = ("ipv6", "requester_managed", "ipv4", "trunk", "source_dest_check")
_NULL = ("", "null", "~", "Null", "NULL")
_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of control characters, lone surrogates, line and paragraph separators: AWS takes none."""

Node = yaml.nodes.Node
Read = Callable[[Node, str], Any]


def load_world(path: Path) -> WorldSpec:
    """Read a world file; raise WorldError with every problem found.

    Example of a file::

        accounts: {"444455556666": {name: payments-prod, ou: /Workloads/Prod}}
        instances: [{id: i-0000000000000001, account: "444455556666", region: eu-west-1, enis: 2}]
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WorldError([f"{path}: the world file can't be read: {error}"]) from error
    return parse_world(text, str(path))


def parse_world(text: str, name: str = "world") -> WorldSpec:
    """Read the text of a world file; ``name`` stands for the file in messages."""
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise WorldError([f"{place}: this is not YAML: {getattr(error, 'problem', error)}"]) from error
    reader = _Reader(name)
    spec = reader.world(root) if root is not None else WorldSpec()
    if not reader.problems:
        reader.problems.extend(f"{name}: {problem}" for problem in check_references(spec))
    if reader.problems:
        raise WorldError(reader.problems)
    return spec


class _Reader:
    """Walks the nodes and collects errors; a value that can't be read becomes a default so that the walk continues."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.problems: list[str] = []

    def world(self, node: Node) -> WorldSpec:
        """Read the whole file."""
        fields = self._fields(
            node,
            "",
            {
                "organization": self._organization,
                "accounts": self._accounts,
                "instances": self._list_of(self._instance),
                "security_groups": self._list_of(self._security_group),
                "users": self._list_of(self._user),
            },
        )
        return WorldSpec(**fields)

    # What the parts of the file are.

    def _organization(self, node: Node, path: str) -> OrganizationSpec:
        account = self._matching(_ACCOUNT, "a 12-digit account id")
        identifier = self._matching(re.compile(r"o-[a-z0-9]{10,32}"), "an organisation id (o-...)")
        kinds = {"id": identifier, "hub": account, "forensics": account, "identity_role": self._flag}
        fields = self._fields(node, path, kinds)
        return OrganizationSpec(
            fields.get("id", DEFAULT_ORGANIZATION),
            fields.get("hub", DEFAULT_HUB),
            fields.get("forensics", DEFAULT_FORENSICS),
            fields.get("identity_role", False),
        )

    def _accounts(self, node: Node, path: str) -> dict[str, AccountSpec]:
        accounts: dict[str, AccountSpec] = {}
        for key, value, where in self._entries(node, path):
            if not _ACCOUNT.fullmatch(key):
                self._problem(value, where, f"{key!r} is not a 12-digit account id")
            fields = self._fields(value, where, {"name": self._text, "ou": self._matching(_OU, "a path such as /A/B")})
            accounts[key] = AccountSpec(fields.get("name", f"account-{key}"), fields.get("ou", "/"))
        return accounts

    def _instance(self, node: Node, path: str) -> Instance:
        fields = self._fields(
            node,
            path,
            {
                "id": self._matching(_INSTANCE, "an instance id (i- and 8 to 17 hexadecimal digits)"),
                "account": self._matching(_ACCOUNT, "a 12-digit account id"),
                "region": self._matching(_REGION, "a Region"),
                "type": self._text,
                "state": self._one_of(get_args(InstanceState)),
                "vpc": self._text,
                "enis": self._enis,
                "groups": self._list_of(self._text),
                "volumes": self._number(0),
                "profile": self._optional(self._record(Profile, {"name": self._text, "role": self._text})),
                "scaling_group": self._optional(self._scaling_group),
                "target_groups": self._list_of(
                    self._record(
                        TargetGroupSpec,
                        {"name": self._text, "port": self._number(1), "by": self._one_of(get_args(RegisteredBy))},
                        ("name",),
                    )
                ),
                "lifecycle": self._one_of(get_args(Lifecycle)),
                "nitro": self._flag,
                "public_ip": self._one_of(get_args(PublicIp)),
                "instance_store": self._flag,
                "managed_by": self._optional(self._text),
                "tags": self._tags,
                "vpc_owner": self._optional(self._matching(_ACCOUNT, "a 12-digit account id")),
            },
            ("id", "account", "region"),
        )
        identity = {"id": "i-00000000", "account": "", "region": ""}
        return Instance(**{**identity, **fields})

    def _enis(self, node: Node, path: str) -> tuple[Eni, ...]:
        if isinstance(node, yaml.ScalarNode):
            count: int = self._number(1)(node, path)
            return (Eni(),) * count
        eni = self._record(
            Eni, {"groups": self._list_of(self._text), **dict.fromkeys(_FLAGS_OF_INTERFACE, self._flag)}, ()
        )
        enis = tuple(self._list_of(eni)(node, path))
        if not enis:
            self._problem(node, path, "an instance has at least one interface")
        return tuple(enis)

    def _scaling_group(self, node: Node, path: str) -> ScalingGroup:
        size = self._number(0)
        read = self._record(ScalingGroup, {"name": self._text, "min": size, "max": size, "desired": size}, ("name",))
        group: ScalingGroup = read(node, path)
        if not group.min <= group.desired <= group.max:
            self._problem(node, path, f"desired {group.desired} is not between min {group.min} and max {group.max}")
        return group

    def _security_group(self, node: Node, path: str) -> SecurityGroup:
        rules = self._list_of(self._rule)
        fields = self._fields(
            node,
            path,
            {
                "account": self._matching(_ACCOUNT, "a 12-digit account id"),
                "region": self._matching(_REGION, "a Region"),
                "vpc": self._text,
                "name": self._text,
                "tags": self._tags,
                "ingress": rules,
                "egress": rules,
                "worn_by": self._list_of(self._text),
            },
            ("account", "region", "name"),
        )
        return SecurityGroup(**{"account": "", "region": "", "name": "", **fields})

    def _rule(self, node: Node, path: str) -> GroupRuleSpec:
        port = self._number(0)
        kinds = {"protocol": self._text, "cidr": self._text, "group": self._text, "from_port": port, "to_port": port}
        fields = self._fields(node, path, kinds, ("protocol",))
        if ("cidr" in fields) == ("group" in fields):
            self._problem(node, path, "a rule has either a cidr or a group")
        if fields.get("protocol", "-1") in ("tcp", "udp") and not {"from_port", "to_port"} <= fields.keys():
            self._problem(node, path, f"a rule for {fields['protocol']} has from_port and to_port")
        return GroupRuleSpec(**{"protocol": "-1", **fields})

    def _user(self, node: Node, path: str) -> User:
        kinds = {
            "name": self._text,
            "account": self._matching(_ACCOUNT, "a 12-digit account id"),
            "active_keys": self._number(0, 2),
        }
        return User(**{"name": "", "account": "", **self._fields(node, path, kinds, ("name", "account"))})

    # How they are read.

    def _problem(self, node: Node, path: str, what: str) -> None:
        mark = node.start_mark
        where = f"{path}: " if path else ""
        self.problems.append(f"{self._name}:{mark.line + 1}:{mark.column + 1}: {where}{what}")

    def _entries(self, node: Node, path: str) -> Iterable[tuple[str, Node, str]]:
        if not isinstance(node, yaml.MappingNode):
            self._problem(node, path, "this should be a map")
            return
        seen: set[str] = set()
        for key_node, value in node.value:
            key = str(key_node.value)
            shown = repr(key) if _has_controls(key) else key
            where = f"{path}.{shown}" if path else shown
            if key in seen:
                self._problem(key_node, where, "this key is here twice")
            seen.add(key)
            yield key, value, where

    def _fields(self, node: Node, path: str, kinds: dict[str, Read], needed: Iterable[str] = ()) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        before = len(self.problems)
        for key, value, where in self._entries(node, path):
            if key not in kinds:
                self._problem(value, where, f"there is no such key{suggestion(key, kinds)}")
                continue
            fields[key] = kinds[key](value, where)
        missing = [] if isinstance(node, yaml.ScalarNode) and len(self.problems) > before else list(needed)
        for key in missing:
            if key not in fields:
                self._problem(node, path, f"{key} is missing")
        return fields

    def _record(self, kind: type, kinds: dict[str, Read], needed: Iterable[str] | None = None) -> Read:
        wanted = tuple(kinds) if needed is None else tuple(needed)

        def read(node: Node, path: str) -> Any:
            fields = self._fields(node, path, kinds, wanted)
            return kind(**{**dict.fromkeys(wanted, ""), **fields})

        return read

    def _list_of(self, read: Read) -> Read:
        def read_all(node: Node, path: str) -> tuple[Any, ...]:
            if not isinstance(node, yaml.SequenceNode):
                self._problem(node, path, "this should be a list")
                return ()
            return tuple(read(each, f"{path}[{index}]") for index, each in enumerate(node.value))

        return read_all

    def _optional(self, read: Read) -> Read:
        def read_or_none(node: Node, path: str) -> Any:
            return None if isinstance(node, yaml.ScalarNode) and node.value in _NULL else read(node, path)

        return read_or_none

    def _text(self, node: Node, path: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value:
            self._problem(node, path, "this should be a word")
            return ""
        return self._printable(node, path, node.value)

    def _matching(self, pattern: re.Pattern[str], what: str) -> Read:
        def read(node: Node, path: str) -> str:
            if isinstance(node, yaml.ScalarNode) and pattern.fullmatch(node.value):
                return self._printable(node, path, node.value)
            self._problem(node, path, f"{getattr(node, 'value', '')!r} is not {what}")
            return ""

        return read

    def _printable(self, node: Node, path: str, word: str) -> str:
        if _has_controls(word):
            self._problem(node, path, f"{word!r} has a control character")
        return word

    def _one_of(self, choices: Iterable[str]) -> Read:
        allowed = tuple(choices)

        def read(node: Node, path: str) -> str:
            if isinstance(node, yaml.ScalarNode) and node.value in allowed:
                return str(node.value)
            word = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
            self._problem(node, path, f"{word!r} is not one of {', '.join(allowed)}{suggestion(word, allowed)}")
            return allowed[0]

        return read

    def _number(self, lowest: int, highest: int = 65535) -> Read:
        def read(node: Node, path: str) -> int:
            word = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
            if word.isdecimal() and lowest <= int(word) <= highest:
                return int(word)
            self._problem(node, path, f"{word!r} is not a whole number from {lowest} to {highest}")
            return lowest

        return read

    def _flag(self, node: Node, path: str) -> bool:
        if isinstance(node, yaml.ScalarNode) and node.value in ("true", "false"):
            return bool(node.value == "true")
        self._problem(node, path, "this should be true or false")
        return False

    def _tags(self, node: Node, path: str) -> dict[str, str]:
        tags: dict[str, str] = {}
        for key, value, where in self._entries(node, path):
            self._printable(value, where, key)
            if isinstance(value, yaml.ScalarNode):
                tags[key] = self._printable(value, where, value.value)
            else:
                self._problem(value, where, "this should be a word")
        return tags


def _has_controls(word: str) -> bool:
    return any(unicodedata.category(letter) in _UNPRINTABLE for letter in word)
