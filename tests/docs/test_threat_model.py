# SPDX-License-Identifier: Apache-2.0
"""What SECURITY.md says of decisions and of what is pinned is so; ``tests/authorization`` does the same for roles."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from functions.finding.model import Direction, Workflow
from functions.intake.case import Case
from functions.policy.decide import provisional
from functions.policy.exceptions import lowered
from functions.policy.model import Mode
from functions.steps.iam.role_denial import WAY_IN
from hub.policy.shape import AskOrAct
from member_stacks.denial import denial
from tests.docs.pages import ROOT, text
from tests.policy.made import ACCOUNT, NOW, TARGET, TOR, exception, finding, policy, rule

PAGE = "SECURITY.md"
WILDCARD = "UnauthorizedAccess:EC2/*"


def decided(named: str = TOR, **changes: Any) -> Mode:
    """Return the mode of a finding under a rule that enforces and names this type."""
    law = policy(rule(Mode.ENFORCE, named))
    made = finding(**changes)
    return provisional(made, TARGET, law, bundle="b", switched_off=(), now=NOW, received_at=NOW).mode


def by_direction() -> bool:
    stopped = (Direction.INBOUND, Direction.UNKNOWN)
    return decided(WILDCARD) is Mode.ENFORCE and all(
        (decided(WILDCARD, direction=each), decided(direction=each)) == (Mode.OBSERVE, Mode.ENFORCE) for each in stopped
    )


def asks_where_withdrawn() -> bool:
    return {decided(workflow=each) for each in (Workflow.SUPPRESSED, Workflow.RESOLVED)} == {Mode.APPROVE}


def stops_at_approve() -> bool:
    tags = {"team": "red"}
    beside = ({"instance": TARGET.instance}, {"image": "ami-0123456789abcdef0"}, {"scaling_group": "web"})
    alone = lowered(Mode.ENFORCE, exception(Mode.OFF, tags=tags))
    named = {lowered(Mode.ENFORCE, exception(Mode.OFF, tags=tags, **each)) for each in beside}
    in_account = lowered(Mode.ENFORCE, exception(Mode.OFF, tags=tags, account=ACCOUNT))
    return (alone, named, in_account) == (Mode.APPROVE, {Mode.OFF}, Mode.APPROVE)


def own_accounts_observed() -> bool:
    def caps(account: str) -> list[Mode]:
        case = SimpleNamespace(
            services=SimpleNamespace(
                settings=SimpleNamespace(hub_account="111122223333", forensics_account="222233334444")
            ),
            target=SimpleNamespace(account=account),
            in_force=SimpleNamespace(control=SimpleNamespace(off_for=lambda *_: ())),
            ou="/",
        )
        return [cap.mode for cap in cast("Any", Case.caps).fget(case)]

    return [caps(each) for each in ("111122223333", "222233334444", ACCOUNT)] == [[Mode.OBSERVE], [Mode.OBSERVE], []]


def way_in_is_a_tag_of_its_own() -> bool:
    """Tell whether the denial has two statements a slot, one of them for Systems Manager alone."""
    whats = [each.get("Action", each.get("NotAction")) for each in denial("cordon")["Statement"]]
    return bool(whats) and all(what == list(WAY_IN) for what in whats)


def pinned_and_hashed() -> bool:
    files = sorted((ROOT / "requirements").glob("*.txt"))
    lines = [line for path in files for line in re.split(r"(?<!\\)\n", path.read_text(encoding="utf-8"))]
    wanted = [line for line in lines if line.strip() and not line.startswith("#")]
    pinned = re.compile(r"\S+==\S+.*--hash=sha256:", re.DOTALL)
    return bool(wanted) and all(map(pinned.match, wanted))


SENTENCES: Mapping[str, Callable[[], bool]] = {
    "Inbound or unknown activity acts only where a rule names the exact type; a wildcard observes": by_direction,
    "A suppressed or resolved finding still asks people where a rule would enforce": asks_where_withdrawn,
    "Exceptions by tags stop at `approve` unless an instance, image or scaling group is named too": stops_at_approve,
    "EKS tags lower to `eks_nodes`, `approve` at the least": lambda: (
        set(typing.get_args(AskOrAct)) == {"approve", "enforce"}
    ),
    "The hub's and the forensics account's own hosts are observed, never contained": own_accounts_observed,
    "for Systems Manager where policy keeps it as the investigators' way in": way_in_is_a_tag_of_its_own,
    "**Dependencies** are pinned and hashed, not audited": pinned_and_hashed,
}
"""Sentence of the page → whether the code makes it so."""


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_is_told_and_so(sentence: str) -> None:
    assert sentence in " ".join(text(PAGE).split())
    assert SENTENCES[sentence]()
