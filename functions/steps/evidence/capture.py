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
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, TypedDict

from functions.aws import errors
from functions.grants import ONE_INSTANCE, Grant, reads
from functions.incident.evidence import Evidence
from functions.incident.items import stamp
from functions.incident.model import ItemOutcome, PlannedCall, StepOutcome, StepResult
from functions.steps.evidence import protect
from functions.steps.host import Host, Interface
from functions.steps.reading import filtered
from functions.steps.step import Step, StepError, Task, conclude, failed_item

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

WHAT = {
    "console.txt": "the console's output; bytes that are no UTF-8 are replaced",
    "screenshot.jpg": "the console's screen",
    "instance": "the instance as EC2 described it, tags and addresses with it",
    "interfaces": "the network interfaces as EC2 described them",
    "security-groups": "the security groups that were in force before containment, with their rules",
    "user-data.bin": "user data, as the host was launched with; it may hold secrets",
}
"""What a file is, by what its name begins with."""

_TYPES = {".txt": "text/plain; charset=utf-8", ".jpg": "image/jpeg", ".json": "application/json"}
_UNSUPPORTED = ("UnsupportedOperation", "UnsupportedInstanceAttribute")
_NOT_SO_NOW = ("IncorrectInstanceState", "IncorrectState", "InvalidInstanceID.NotFound")

GRANTS = (
    Grant("ec2:GetConsoleOutput", "instance", ONE_INSTANCE),
    Grant("ec2:GetConsoleScreenshot", "instance", ONE_INSTANCE),
    protect.READ,
    *reads("ec2:DescribeSecurityGroups"),
)


class File(TypedDict):
    """A file that was kept: when its content was read, whether containment had begun by then, and the request's id."""

    key: str
    sha256: str
    version: str
    bytes: int
    at: str
    taken: str
    request: str


class Section(TypedDict):
    """The groups of every interface, whose rules are captured."""

    interfaces: dict[str, list[str]]


class Receipt(TypedDict, total=False):
    """The files by their names, and the interfaces that the descriptions of the network cover."""

    files: dict[str, File]
    interfaces: list[str]


StepTask = Task[None, Section, Receipt]
Result = StepResult[Receipt]


class NothingThereError(StepError):
    """AWS answered, and there is nothing to keep: a fact about the host, and no failure."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of evidence. ``request`` is the id of the request that it was read with, ``notes`` what is lacking."""

    content: bytes
    request: str = ""
    notes: tuple[ItemOutcome, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """A piece, and when it was read."""

    piece: Piece
    at: str


@dataclass(frozen=True, slots=True)
class CapturedPieces:
    """What was read, by the names of the files: futures that have ended, each with the piece or why there is none.

    ``taken``: whether the host was ``before`` or ``after`` containment when it was described.
    """

    pieces: Mapping[str, Future[Taken]]
    taken: str


@dataclass(frozen=True, slots=True)
class Kept:
    """How keeping a piece ended, with the file where there is one, and what is lacking in it."""

    item: ItemOutcome
    file: File | None = None
    notes: tuple[ItemOutcome, ...] = ()


def baseline(host: Host, _observation: Future[None]) -> Section:
    """Keep the groups of every interface: whatever it wears later, these were in force."""
    return {"interfaces": _groups(host.interfaces)}


def extend_baseline(host: Host, _observation: Future[None], section: Section) -> tuple[str, Section] | None:
    """Keep the same of interfaces that were attached after the baseline was taken."""
    new = [each for each in host.interfaces if each.id not in section["interfaces"]]
    return (new[0].id, {"interfaces": _groups(new)}) if new else None


def plan(task: StepTask) -> tuple[PlannedCall, ...]:
    """Return the reads that are made for this step alone."""
    instance = {"InstanceId": task.host.id}
    calls: Mapping[str, tuple[str, Mapping[str, Any]]] = {
        CONSOLE: ("GetConsoleOutput", {**instance, "Latest": True}),
        SCREEN: ("GetConsoleScreenshot", instance),
        GROUPS: ("DescribeSecurityGroups", {"Filters": [{"Name": "group-id", "Values": _worn(task)}]}),
        USER_DATA: ("DescribeInstanceAttribute", {**instance, "Attribute": "userData"}),
    }
    return tuple(PlannedCall(NAME, *calls[kind]) for kind, _ in _wanted(task) if kind in calls)


def prepare(task: StepTask) -> CapturedPieces:
    """Read every piece that no earlier attempt kept, all at once, and wait for all of them."""
    readers: Mapping[str, Callable[[StepTask], Piece]] = {
        CONSOLE: _console,
        SCREEN: _screen,
        INSTANCE: lambda task: Piece(_json(task.host.described.get("instance"))),
        INTERFACES: lambda task: Piece(_json(task.host.described.get("interfaces"))),
        GROUPS: _group_rules,
        USER_DATA: _user_data,
    }
    pieces = {name: task.member.pool.start(partial(_read, task, readers[kind])) for kind, name in _wanted(task)}
    for reading in pieces.values():
        reading.exception()
    return CapturedPieces(pieces, _taken(task))


def apply(task: StepTask, prepared: CapturedPieces) -> Result:
    """Keep every piece that was had, all at once; the receipt tells each file."""
    kept = task.member.pool.all(
        [partial(_keep, task, name, reading, prepared.taken) for name, reading in prepared.pieces.items()]
    )
    files = {each.item.what: each.file for each in kept if each.file is not None}
    notes = [note for each in kept for note in each.notes]
    # Not what is kept already, since a later attempt would have nothing to show for it.
    before = [
        ItemOutcome(name, StepOutcome.DONE, file["key"])
        for name, file in task.receipt.get("files", {}).items()
        if name not in files
    ]
    covered = sorted(task.section["interfaces"]) if _described(files) else []
    return conclude(NAME, [*before, *(each.item for each in kept), *notes], {"files": files, "interfaces": covered})


def evidence(result: Result) -> Evidence:
    """Return the entry of each file for the manifest, and the pieces that could not be kept."""
    return Evidence(
        files=tuple(_entry(name, file) for name, file in result.receipt.get("files", {}).items()),
        missing=tuple(
            {"what": item.what, "reason": item.reason} for item in result.items if item.outcome is not StepOutcome.DONE
        ),
    )


def _entry(name: str, file: File) -> dict[str, Any]:
    return {
        "key": file["key"],
        "sha256": file["sha256"],
        "version": file["version"],
        "bytes": file["bytes"],
        "at": file["at"],
        "what": next((told for begins, told in WHAT.items() if name.startswith(begins)), ""),
        "by": NAME,
        "taken": file["taken"],
        "request": file["request"] or None,
    }


def _wanted(task: StepTask) -> list[tuple[str, str]]:
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


def _described(files: Iterable[str]) -> bool:
    """Tell whether the network's descriptions were kept, as they are for these interfaces."""
    return any(name.startswith(GROUPS.partition(".")[0]) for name in files)


def _taken(task: StepTask) -> str:
    """Tell by the host itself whether this incident had changed it when it was described."""
    baseline = task.section["interfaces"]
    same = all(list(each.groups) == baseline.get(each.id) for each in task.host.interfaces)
    return "before" if same and task.member.incident_tag not in task.host.tags else "after"


def _groups(interfaces: Iterable[Interface]) -> dict[str, list[str]]:
    return {each.id: list(each.groups) for each in interfaces}


def _worn(task: StepTask) -> list[str]:
    """Return the groups that the interfaces wore before anything was changed."""
    return sorted({group for groups in task.section["interfaces"].values() for group in groups})


def _read(task: StepTask, reader: Callable[[StepTask], Piece]) -> Taken:
    """Read one piece. Raises NothingThereError, and what reading raises."""
    piece = reader(task)
    return Taken(piece, stamp(task.member.clock.now()))


def _console(task: StepTask) -> Piece:
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


def _screen(task: StepTask) -> Piece:
    answer = task.member.ec2.get_console_screenshot(InstanceId=task.host.id)
    return _something(answer, _decoded(answer.get("ImageData", "")), "EC2 gave no image")


def _user_data(task: StepTask) -> Piece:
    answer = task.member.ec2.describe_instance_attribute(InstanceId=task.host.id, Attribute="userData")
    return _something(answer, _decoded(answer.get("UserData", {}).get("Value", "")), "the host has no user data")


def _group_rules(task: StepTask) -> Piece:
    """Return the groups that were in force, rules and all; one that is gone, or not shown, is named."""
    worn = _worn(task)
    found = filtered(task.member.pool, task.member.ec2.describe_security_groups, "SecurityGroups", "group-id", worn)
    hidden = [group for group in worn if group not in {each["GroupId"] for each in found}]
    notes = tuple(
        ItemOutcome(group, StepOutcome.SKIPPED, "EC2 does not show this group: its rules are lost") for group in hidden
    )
    return Piece(_json(sorted(found, key=lambda each: str(each["GroupId"]))), notes=notes)


def _something(answer: Mapping[str, Any], content: bytes, why: str) -> Piece:
    if not content:
        raise NothingThereError(why)
    return Piece(content, str(answer.get("ResponseMetadata", {}).get("RequestId", "")))


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


def _keep(task: StepTask, name: str, reading: Future[Taken], taken: str) -> Kept:
    """Keep one piece; whatever went wrong about it is its own, so that the others are kept."""
    try:
        read = reading.result()
    except Exception as error:  # noqa: BLE001 — an odd answer about one piece must not lose the others
        return Kept(_missing(name, error))
    piece = read.piece
    limit = next(size for kind, size in LIMITS_BYTES.items() if name.startswith(kind.partition(".")[0]))
    if len(piece.content) > limit:
        reason = f"of {len(piece.content)} bytes, more than the {limit} that are kept"
        return Kept(ItemOutcome(name, StepOutcome.FAILED, reason, "TooLarge"), notes=piece.notes)
    content_type = _TYPES.get(f".{name.rpartition('.')[2]}", "application/octet-stream")
    try:
        kept = task.member.evidence.save(f"{FOLDER}{name}", piece.content, content_type)
    except errors.AwsError as error:
        return Kept(failed_item(name, error), notes=piece.notes)
    file: File = {
        "key": kept.key,
        "sha256": kept.sha256,
        "version": kept.version,
        "bytes": kept.bytes,
        "at": read.at,
        "taken": taken,
        "request": piece.request,
    }
    return Kept(ItemOutcome(name, StepOutcome.DONE, kept.key), file, piece.notes)


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
    services=("ec2",),
    baseline=baseline,
    plan=plan,
    apply=apply,
    prepare=prepare,
    extend_baseline=extend_baseline,
    evidence=evidence,
)
