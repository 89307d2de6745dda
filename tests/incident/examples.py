# SPDX-License-Identifier: Apache-2.0
"""One object of each kind that is stored, as the files of ``tests/incident/stored`` have it, with every field filled.

The files are what a version of Cordon stored. Every later version has to read them, so they are not changed together
with the code: a new field under the same schema gets a new example, a new schema a new folder.
"""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from functions.incident.claim_document import claim_values, unseen_text
from functions.incident.documents import (
    finding_values,
    head_ends,
    head_opened,
    section_values,
    shared_values,
    step_values,
    timeline_values,
)
from functions.incident.evidence import EvidenceFile
from functions.incident.items import claim_key, finding_key, incident_key, shared_resource_key, stamp
from functions.incident.model import (
    Claim,
    Conclusion,
    ItemOutcome,
    PlannedCall,
    RestoredItem,
    SharedRecord,
    State,
    StepOutcome,
    StepResult,
    Unseen,
)
from functions.policy.model import Candidate, Cap, Mode, Provisional
from tests.incident.made import INCIDENT, OURS, THEIRS, decision
from tests.policy.made import NOW, TARGET, finding

FOLDER = Path(__file__).parent / "stored" / "schema-1"
LATER = NOW + timedelta(seconds=90)
KEY = finding_key(finding().id)

PROVISIONAL = Provisional(
    finding_id=finding().id,
    mode=Mode.ENFORCE,
    rule="tor",
    origin="config/organization.yaml:3",
    bundle="b" * 64,
    reasons=("a reason",),
    candidates=(Candidate("tor", "config/organization.yaml:3", Mode.ENFORCE, ("lowered",)),),
    caps=(Cap(Mode.APPROVE, "the event is old"),),
    withdrawn="marked suppressed",
    notes=("a where failed",),
    open_exceptions=("pentest",),
    sequence_targets=3,
    active_at=NOW,
    users=("alice",),
)
UNSEEN = Unseen(PROVISIONAL, ("UnauthorizedAccess:EC2/TorClient",), stamp(NOW))
CLAIM = Claim(
    incident=INCIDENT,
    state=State.CONTAINED,
    mode=Mode.ENFORCE,
    token=OURS.token,
    message=OURS.message,
    lease_until=LATER,
    unfinished=True,
    after_release=True,
    released_at=NOW,
    last_token=THEIRS.token,
    last_message=THEIRS.message,
    unseen={f"{KEY}-enforce": UNSEEN},
    seen={KEY: stamp(NOW)},
    arrivals=4,
)
FILE = EvidenceFile(f"incidents/{INCIDENT}/findings/{'a' * 64}.json", "a" * 64, "v1", 1234)
SECTION = {"interfaces": {"eni-0a1b2c3d": ["sg-b", "sg-a"]}, "vpc": None, "count": 1, "flag": True, "text": "ü\x1b"}
STEP = StepResult(
    name="isolate",
    outcome=StepOutcome.FAILED,
    reason="eni-2: denied",
    error="UnauthorizedOperation",
    items=(
        ItemOutcome("eni-1", StepOutcome.DONE, "worn already"),
        ItemOutcome("eni-2", StepOutcome.FAILED, "denied", "UnauthorizedOperation", transient=True),
    ),
    receipt={"group": "sg-1", "swapped": ["eni-1"], "nothing": None},
)
CONCLUSION = Conclusion(
    state=State.RELEASING,
    mode=Mode.ENFORCE,
    decision=decision(),
    reason="a reason",
    plan=(PlannedCall("isolate", "ModifyNetworkInterfaceAttribute", {"Groups": ["sg-1"], "N": 1}, "ec2"),),
    steps=(STEP,),
    residual_risk=("dns", "interfaces"),
    clocks={"received": NOW, "isolated": LATER},
    timeline=((NOW, "first"), (LATER, "second")),
    release=(RestoredItem("isolate", "eni-1", restored=False, reason="changed", retry=True, command="aws ec2"),),
)
SHARED = SharedRecord(
    incidents={INCIDENT: 1},
    original={"keys": {"AKIAEXAMPLE1": "Active"}, "member": False},
    version=2,
    restoring=INCIDENT,
    until=LATER,
)


def written() -> dict[str, Any]:
    """Return each kind as this version writes it, with its key; ``unseen`` is text."""
    return {
        "claim": {**claim_key(TARGET), **claim_values(CLAIM)},
        "unseen": unseen_text(UNSEEN),
        "head": {
            **incident_key(INCIDENT, "head"),
            **head_opened(TARGET, NOW),
            **head_ends(TARGET, CONCLUSION, decision(), LATER),
        },
        "finding": {
            **incident_key(INCIDENT, f"finding#{KEY}"),
            **finding_values(finding(), OURS.message, FILE, NOW),
        },
        "section": {
            **incident_key(INCIDENT, "baseline#isolate"),
            **section_values(SECTION, OURS, NOW),
        },
        "step": {**incident_key(INCIDENT, "step#isolate"), **step_values(STEP, 2)},
        "timeline": {
            **incident_key(INCIDENT, f"timeline#{stamp(LATER)}#{OURS.token}"),
            **timeline_values(CONCLUSION.timeline),
        },
        "shared-resource": {**shared_resource_key(TARGET.account, "user#alice"), **shared_values(SHARED)},
    }


KINDS = tuple(written())


def stored(kind: str) -> Any:
    """Return what the file of a kind has, with numbers as DynamoDB gives them."""
    return json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8"), parse_int=Decimal)
