# SPDX-License-Identifier: Apache-2.0
"""Capture what time would take away and no agent is needed for: console, screen, descriptions, rules in force.

Everything is read beside the baseline, before the host is changed, and no other step waits for it. Each piece is kept
by itself, with its hash and its version; one that can't be had is named. Nothing is ever taken back, and what an
earlier attempt kept is not captured again: it was closer to the event.

User data goes along only where policy says so: it often holds secrets.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from functions.aws import errors
from functions.grants import ONE_INSTANCE, Grant, reads
from functions.incident.items import stamp
from functions.incident.model import ItemOutcome, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.steps.evidence import protect
from functions.steps.host import Host, Interface
from functions.steps.reading import filtered
from functions.steps.step import Section, Step, Task, conclude, failed_item

NAME = "capture"
FOLDER = "capture/"
CONSOLE, SCREEN, INSTANCE, INTERFACES, GROUPS, USER_DATA = (
    "console.txt",
    "screenshot.jpg",
    "instance.json",
    "interfaces.json",
    "security-groups.json",
    "user-data.bin",
)
LIMITS_BYTES = {
    # EC2 keeps 64 KB of the console, which three bytes each may stand for, and 16 KB of user data.
    CONSOLE: 256 * 1024,
    SCREEN: 4 * 1024 * 1024,
    INSTANCE: 1024 * 1024,
    INTERFACES: 4 * 1024 * 1024,
    GROUPS: 4 * 1024 * 1024,
    USER_DATA: 64 * 1024,
}
"""The most of each piece that is kept: whoever owns the host has a hand in what some of them hold."""

_TYPES = {".txt": "text/plain; charset=utf-8", ".jpg": "image/jpeg", ".json": "application/json"}
_UNSUPPORTED = ("UnsupportedOperation", "UnsupportedInstanceAttribute")
_NOT_SO_NOW = ("IncorrectInstanceState", "IncorrectState", "InvalidInstanceID.NotFound")

GRANTS = (
    Grant("ec2:GetConsoleOutput", "instance", ONE_INSTANCE),
    Grant("ec2:GetConsoleScreenshot", "instance", ONE_INSTANCE),
    protect.READ,
    *reads("ec2:DescribeSecurityGroups"),
)


class NothingThereError(Exception):
    """AWS answered, and there is nothing to keep: a fact about the host, and no failure."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of evidence: what is to be kept, or why there is nothing.

    ``request`` is the id of the request that it was read with, ``notes`` what is lacking in it.
    """

    content: bytes | Exception
    request: str = ""
    notes: tuple[ItemOutcome, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """A piece by the name of its file, and when it was read."""

    name: str
    piece: Piece
    at: str


@dataclass(frozen=True, slots=True)
class CapturedPieces:
    """What was read. ``taken``: whether the host was ``before`` or ``after`` containment when it was described."""

    pieces: tuple[Taken, ...]
    taken: str


def baseline(host: Host, observed: Any) -> Section:
    """Keep the groups of every interface: whatever it wears later, these were in force."""
    del observed
    return {"interfaces": _groups(host.interfaces)}


def extend_baseline(host: Host, observed: Any, section: Section) -> tuple[str, Section] | None:
    """Keep the same of interfaces that were attached after the baseline was taken."""
    del observed
    new = [each for each in host.interfaces if each.id not in section["interfaces"]]
    return (new[0].id, {"interfaces": _groups(new)}) if new else None


def plan(task: Task) -> tuple[PlannedCall, ...]:
    """Return the reads that are made for this step alone."""
    instance = {"InstanceId": task.host.id}
    calls: Mapping[str, tuple[str, Mapping[str, Any]]] = {
        CONSOLE: ("GetConsoleOutput", {**instance, "Latest": True}),
        SCREEN: ("GetConsoleScreenshot", instance),
        GROUPS: ("DescribeSecurityGroups", {"Filters": [{"Name": "group-id", "Values": _worn(task)}]}),
        USER_DATA: ("DescribeInstanceAttribute", {**instance, "Attribute": "userData"}),
    }
    return tuple(PlannedCall(NAME, *calls[kind]) for kind, _ in _wanted(task) if kind in calls)


def prepare(task: Task) -> CapturedPieces:
    """Read every piece that no earlier attempt kept, all at once."""
    readers: Mapping[str, Callable[[Task], Piece]] = {
        CONSOLE: _console,
        SCREEN: _screen,
        INSTANCE: lambda task: Piece(_json(task.host.described.get("instance"))),
        INTERFACES: lambda task: Piece(_json(task.host.described.get("interfaces"))),
        GROUPS: _group_rules,
        USER_DATA: _user_data,
    }
    pieces = task.member.pool.all([partial(_read, task, name, readers[kind]) for kind, name in _wanted(task)])
    return CapturedPieces(tuple(pieces), _taken(task))


def apply(task: Task, prepared: Any) -> StepResult:
    """Keep every piece that was had, all at once; the receipt tells each file."""
    kept = task.member.pool.all([partial(_keep, task, each, prepared.taken) for each in prepared.pieces])
    files = {item.what: file for item, file in kept if file is not None}
    notes = [note for each in prepared.pieces for note in each.piece.notes]
    # Not what is kept already, since a later attempt would have nothing to show for it.
    before = [
        ItemOutcome(name, StepOutcome.DONE, file["key"])
        for name, file in task.receipt.get("files", {}).items()
        if name not in files
    ]
    receipt = {"files": files, "interfaces": sorted(task.section["interfaces"]) if _described(files) else []}
    return conclude(NAME, [*before, *(item for item, _ in kept), *notes], receipt)


def verify(task: Task, result: StepResult) -> StepResult:
    """Take the version that S3 gave for proof: reading the bucket back is no right of whoever writes to it."""
    del task
    return result


def revert(task: Task, result: StepResult, now: Host) -> tuple[RestoredItem, ...]:
    """Keep the evidence: a release never deletes any."""
    del task, result, now
    return ()


def _wanted(task: Task) -> list[tuple[str, str]]:
    """Return the kinds of the pieces that are to be had, with the file's name.

    What describes the network is wanted once more, under a name of its own, when an interface has joined since.
    """
    kinds = [CONSOLE, SCREEN, INSTANCE, INTERFACES, GROUPS]
    if task.options.get("user_data") is True:
        kinds.append(USER_DATA)
    kept = task.receipt.get("files", {})
    covered = task.receipt.get("interfaces", [])
    joined = [each for each in task.section["interfaces"] if each not in covered] if covered else []
    wanted = []
    for kind in kinds:
        name = kind
        if joined and kind in (INTERFACES, GROUPS):
            stem, dot, suffix = kind.partition(".")
            name = f"{stem}-{joined[0]}{dot}{suffix}"
        if name not in kept:
            wanted.append((kind, name))
    return wanted


def _described(files: Mapping[str, Any]) -> bool:
    """Tell whether the network's descriptions were kept, as they are for these interfaces."""
    return any(name.startswith(GROUPS.partition(".")[0]) for name in files)


def _taken(task: Task) -> str:
    """Tell by the host itself whether this incident had changed it when it was described."""
    baseline = task.section["interfaces"]
    same = all(list(each.groups) == baseline.get(each.id) for each in task.host.interfaces)
    return "before" if same and task.member.incident_tag not in task.host.tags else "after"


def _groups(interfaces: Iterable[Interface]) -> dict[str, list[str]]:
    return {each.id: list(each.groups) for each in interfaces}


def _worn(task: Task) -> list[str]:
    """Return the groups that the interfaces wore before anything was changed."""
    return sorted({group for groups in task.section["interfaces"].values() for group in groups})


def _read(task: Task, name: str, reader: Callable[[Task], Piece]) -> Taken:
    """Read one piece; whatever goes wrong about it is its own, so that the others are kept."""
    try:
        piece = reader(task)
    except Exception as error:  # noqa: BLE001 — an odd answer about one piece must not lose the others
        piece = Piece(error)
    return Taken(name, piece, stamp(task.member.clock.now()))


def _console(task: Task) -> Piece:
    """Return the console's output, as of now where the type has that, which Nitro instances alone do.

    On others EC2 says UnsupportedOperation, and keeps what it was shortly after the last change of state (API
    reference, GetConsoleOutput). botocore has decoded it; bytes that are no UTF-8 are lost in that.
    """
    read = partial(task.member.ec2.get_console_output, InstanceId=task.host.id)
    try:
        answer = read(Latest=True)
    except errors.AwsError as error:
        if errors.code(error) not in _UNSUPPORTED:
            raise
        answer = read()
    return _something(answer, answer.get("Output", "").encode(errors="replace"), "the console has no output")


def _screen(task: Task) -> Piece:
    answer = task.member.ec2.get_console_screenshot(InstanceId=task.host.id)
    return _something(answer, _decoded(answer.get("ImageData", "")), "EC2 gave no image")


def _user_data(task: Task) -> Piece:
    answer = task.member.ec2.describe_instance_attribute(InstanceId=task.host.id, Attribute="userData")
    return _something(answer, _decoded(answer.get("UserData", {}).get("Value", "")), "the host has no user data")


def _group_rules(task: Task) -> Piece:
    """Return the groups that were in force, rules and all; one that is gone, or not shown, is named."""
    worn = _worn(task)
    found = filtered(task.member.pool, task.member.ec2.describe_security_groups, "SecurityGroups", "group-id", worn)
    hidden = [group for group in worn if group not in {each["GroupId"] for each in found}]
    notes = tuple(
        ItemOutcome(group, StepOutcome.SKIPPED, "EC2 does not show this group: its rules are lost") for group in hidden
    )
    return Piece(_json(sorted(found, key=lambda each: str(each["GroupId"]))), notes=notes)


def _something(answer: Mapping[str, Any], content: bytes, why: str) -> Piece:
    request = str(answer.get("ResponseMetadata", {}).get("RequestId", ""))
    return Piece(content or NothingThereError(why), request)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        return text.encode(errors="replace")  # kept as it came: it is evidence all the same


def _json(value: Any) -> bytes:
    """Return what EC2 said as JSON; times as ISO 8601, as botocore has parsed them."""
    if not value:
        raise NothingThereError("EC2 gave no description")
    return json.dumps(value, indent=2, sort_keys=True, default=_text).encode()


def _text(value: Any) -> str:
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def _keep(task: Task, each: Taken, taken: str) -> tuple[ItemOutcome, dict[str, Any] | None]:
    """Keep one piece; return how that ended, and the file as the receipt has it."""
    content = each.piece.content
    if isinstance(content, Exception):
        return _missing(each.name, content), None
    limit = next(size for kind, size in LIMITS_BYTES.items() if each.name.startswith(kind.partition(".")[0]))
    if len(content) > limit:
        reason = f"of {len(content)} bytes, more than the {limit} that are kept"
        return ItemOutcome(each.name, StepOutcome.FAILED, reason, "TooLarge"), None
    content_type = _TYPES.get(f".{each.name.rpartition('.')[2]}", "application/octet-stream")
    try:
        kept = task.member.evidence.save(f"{FOLDER}{each.name}", content, content_type)
    except errors.AwsError as error:
        return failed_item(each.name, error), None
    file = {**asdict(kept), "at": each.at, "taken": taken, "request": each.piece.request}
    return ItemOutcome(each.name, StepOutcome.DONE, kept.key), file


def _missing(name: str, error: Exception) -> ItemOutcome:
    """Name a piece that can't be had: as a fact about the host, or as a failure."""
    if isinstance(error, NothingThereError):
        return ItemOutcome(name, StepOutcome.SKIPPED, str(error))
    if errors.code(error) in (*_UNSUPPORTED, *_NOT_SO_NOW):
        return ItemOutcome(name, StepOutcome.SKIPPED, errors.message(error))
    return failed_item(name, error)


STEP = Step(
    name=NAME,
    grants=GRANTS,
    release_grants=(),
    baseline=baseline,
    plan=plan,
    apply=apply,
    verify=verify,
    revert=revert,
    prepare=prepare,
    extend_baseline=extend_baseline,
)
