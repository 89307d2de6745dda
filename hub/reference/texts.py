# SPDX-License-Identifier: Apache-2.0
"""What the page of the steps says beside what the records know: a text for each step, a line for each option.

``tests/reference`` holds that nothing is missing, and that words and options are those that the code knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StepText:
    """One step in words.

    what        what it does; its own options are told apart
    on, off     for an option of another step: the options that switch it on; if it is on without any, off
    baseline    what is kept before the first change
    verify      what is read back
    release     what a release does
    kept        whether a release leaves what the step made: evidence
    cannot      what it doesn't do, and names
    asks        when people are asked first; of steps that have an approval check
    leaves, takes_away
                words of residual risk
    """

    what: str
    baseline: str
    verify: str
    release: str
    on: Mapping[str, Any] | None = None
    off: Mapping[str, Any] | None = None
    kept: bool = False
    cannot: str = ""
    asks: str = ""
    leaves: tuple[str, ...] = ()
    takes_away: tuple[str, ...] = ()


STEP_TEXTS: Mapping[str, StepText] = {
    "scaling": StepText(
        what="Leaves the Auto Scaling group, into standby or for good (`leave`). An isolated host fails its health "
        "check, and Auto Scaling terminates it: termination protection doesn't keep it from that. So isolation waits "
        "until the request to leave is answered, whatever the answer, ten seconds at most; it never waits for the way "
        "out itself. A group's "
        "sizes are never edited. Without a replacement (`replace: false`) the group wants one host less; where its "
        "MinSize forbids that, a replacement is let come, and the step says so.",
        baseline="The group, the state in it, and protection from scale-in.",
        verify="The state is read back: on its way out of service, or out of the group.",
        release="Once the host is no longer isolated, its role no longer denied and its profile its own: "
        "standby is left, or the host is attached again with its protection from scale-in. A replacement stays. Where "
        "the MaxSize has no room, or the host doesn't run, the command for it is named.",
        asks="where more members than the policy's share of the group would be out of it at once "
        "(`limits.scaling_group_share`). One always may.",
        cannot="A member that is not in service can't leave; one that is on its way there is asked again by a further "
        "try.",
        takes_away=("scaling-group",),
    ),
    "targets": StepText(
        what="Deregisters the host from every target group of its VPC, by its id and by its addresses, with the ports "
        "that it was registered with. Isolation doesn't wait for it.",
        on={"targets": "deregister"},
        off={"targets": "keep"},
        baseline="Every registration: target group, id or address, port and zone.",
        verify="The targets are read back: draining, or no longer there.",
        release="Registered again with the same port, where it isn't registered, once the network, the role and the "
        "profile are as they were. For a target group that is gone the command is named.",
        asks="where the host is the last healthy target of a target group, unless policy says `last_healthy_target: "
        "enforce`.",
        cannot="Target groups in another Region or VPC; a Lambda function as a target. Classic load balancers.",
        takes_away=("load-balancer",),
    ),
    "isolate": StepText(
        what="Puts the quarantine group, and it alone, on every network interface, one call for each, all at once. "
        "There is one group for each VPC and access profile (a hash of what investigators may reach), named "
        "`cordon-quarantine-` and the hash. It lets investigators in as policy says (`access`) and nothing out. It is "
        "trusted only if the hub's own record holds its id, and its rules and tags are read each time. One that has "
        "other rules, or has lost a tag without which the role may not put it on, is not used, and another is made "
        "with the incident in its name. A new group is put on once EC2 has confirmed that its way out is revoked, and "
        "recorded once it was read back.",
        baseline="The groups of each interface, in order. An interface attached later gets a section of its own before "
        "it is changed, when a finding or a further try has the host looked at again.",
        verify="All interfaces of the host, those attached meanwhile too, and the group are read back.",
        release="An interface that still wears the quarantine group alone gets its own groups back. The group itself "
        "stays.",
        cannot="Interfaces and hosts that an AWS service manages; interfaces in another VPC than the host's. Both are "
        "named.",
        leaves=(
            "tracked-connections",
            "dns",
            "instance-metadata",
            "managed-interfaces",
            "branch-interfaces",
        ),
        takes_away=("network", "interfaces"),
    ),
    "idle_timeout": StepText(
        what="Shortens connection tracking on every interface of a Nitro instance: idle connections are forgotten "
        "after a minute instead of days. A connection with traffic on it lives on, and the investigators' idle "
        "sessions end too.",
        on={"idle_timeout": True},
        baseline="The time-outs of each interface, or that it has none of its own.",
        verify="The time-outs are read back.",
        release="The earlier time-outs, where the interface still has those that Cordon set.",
        cannot="Instances that are not built on Nitro: skipped.",
        leaves=("tracked-connections",),
    ),
    "network_acl": StepText(
        what="Denies each of the host's addresses, v4 and v6, in every network ACL of its VPC, before all other "
        "entries. An entry names the far end alone, so it is the other subnets that shut the host out: those of NAT "
        "gateways, load balancers, endpoints and neighbours. Every connection across another subnet's edge ends at "
        "once.",
        on={"network_acl": True},
        baseline="For each ACL and address the entries that deny it already. Incidents that share an ACL use it "
        "together, each with numbers of its own.",
        verify="The ACLs are read back: each entry is there, in both directions.",
        release="Each entry that Cordon made is deleted, where it still says what it said.",
        cannot="Refused, and named, in another account's VPC, and where it would cut the investigators off too: they "
        "come by security groups, prefix lists or SSM, from inside the VPC, or may come by a transit gateway. An ACL "
        "that has no room is a gap: 20 entries for each direction, and numbers before all others.",
        leaves=("subnet-connections",),
        takes_away=("tracked-connections",),
    ),
    "public_address": StepText(
        what="Takes Elastic IPs off the host and keeps them in the account: connections over them end.",
        on={"public_address": "disassociate"},
        baseline="Each public address with its private one, and its allocation.",
        verify="The associations are read back.",
        release="Each Elastic IP goes back to its private address, unless somebody uses it by then.",
        cannot="A public address that EC2 assigned by itself has no allocation, and stays.",
        takes_away=("public-address",),
    ),
    "protect": StepText(
        what="Keeps the host from being terminated or stopped: termination protection, stop protection, shutdown from "
        "inside stops instead of terminating, volumes outlive the instance. Four calls, each with its own outcome.",
        baseline="The three attributes, and for each volume whether it is deleted on termination. What can't be read "
        "isn't changed.",
        verify="Attributes and volumes are read back.",
        release="What was changed and still is as it was set.",
        cannot="A Spot instance has neither protection; both are skipped. Termination by Auto Scaling is not stopped "
        "by it.",
        takes_away=("termination",),
    ),
    "snapshot": StepText(
        what="Takes snapshots of all EBS volumes at one point in time, tagged in the same call, with incident, host "
        "and account in the description. Where the set can't be had, each volume is snapshotted by itself; throttling "
        "is waited out instead. A further try looks for what there is already, and where that can't be read it makes "
        "nothing.",
        baseline="The volumes.",
        verify="Each snapshot is there and has not failed. Completion is not waited for.",
        release="Nothing: evidence is kept.",
        kept=True,
        cannot="Copying, sharing and locking are not there yet.",
        leaves=("instance-store",),
    ),
    "tags": StepText(
        what="Tags instance, interfaces and volumes with `status=isolated` and `cordon:incident=` and the incident's "
        "id. The second key begins with the deployment's qualifier. Snapshots and the quarantine group get the same "
        "tags when they are made. Where one call for all is refused for good, each resource is tagged by itself.",
        baseline="The earlier values of these two keys. What could not be read is not tagged, and named.",
        verify="The incident's tag is read back.",
        release="`status` gets its earlier value or goes; the incident's tag goes. A tag that somebody changed stays.",
        cannot="Say that the host is off the network: the tags go on beside isolation, since what guards host and "
        "evidence goes by them. `status=isolated` means that Cordon has taken the host in hand; whether it is "
        "isolated, and what is left, the incident says.",
    ),
    "role_denial": StepText(
        what="Denies the host's role for this host alone: attaches the managed policy that the member stack ships, and "
        "tags the role with the host's ARN. The role is found through the instance profile. Credentials of an instance "
        "carry its ARN wherever they are used, so the denial holds outside the host too, and the role's other hosts go "
        "on. Four hosts of one role can be denied at once; where no tag is left, that is a named gap, or left to the "
        "inline denial (`inline`).",
        baseline="The role, its tags, and whether the policy was attached already. Hosts that share a role use "
        "it together.",
        verify="Tags and policy are read back.",
        release="The host's tags are taken away; the policy by the last host that needs it, unless it was there before "
        "the first.",
        cannot="A host without a profile, or a profile without a role: skipped. Roles in Cordon's own path are left "
        "alone. Requests that a service makes on the role's behalf. Where an earlier attempt denied Systems Manager "
        "too, and policy says `ssm: exempt` by now, the tag stays: that is a gap, and names the tag to take away.",
        leaves=("chained-sessions", "pod-identities"),
        takes_away=("role-credentials",),
    ),
    "users": StepText(
        what="Puts IAM users behind the host into the restricted group, which denies ending and changing what is "
        "isolated and getting out of the group, and deactivates their access keys. Users are those whose keys a "
        "finding names, and those that policy names (`users`).",
        on={},
        off=None,
        baseline="Each user's keys with their status, and whether the user was in the group. Incidents that name the "
        "same user use it together.",
        verify="Group and keys are read back; a key that was made meanwhile is a gap.",
        release="By the last incident that names the user: the keys that were active are activated, and the user "
        "leaves the group. A key is never deleted.",
        cannot="A user whom only a tag of the host names (`user_tag`) is named and left to approval.",
        takes_away=("user-credentials",),
    ),
    "sessions": StepText(
        what="Writes inline policies on the host's role, by the opt-in role: `inline` denies this host alone, with no "
        "need of a free tag; `revoke_sessions` denies every session of the role from before the incident, **on every "
        "host that runs as this role**, until it is renewed.",
        on={"inline": True},
        baseline="The role, and the time before which sessions are denied. It counts by a further try, once the "
        "profile is swapped.",
        verify="The policies are read back.",
        release="Both policies are looked for and deleted, by the opt-in role, if they still say what Cordon wrote.",
        cannot="Without the opt-in role in the account it is skipped.",
    ),
    "instance_profile": StepText(
        what="Puts a profile whose role may do nothing in place of the host's, by the opt-in role. The metadata "
        "service then gives out no more credentials of the host's own role; those given out before live on for hours, "
        "so this adds to the denial and never replaces it.",
        on={"instance_profile": "swap"},
        baseline="The profile.",
        verify="The profile is read back.",
        release="The profile and the command are named: no role of Cordon's may give a host any other role. Until "
        "somebody has typed it a host of a scaling group or a target group stays out of service and its incident is "
        "`releasing`: then the release is run again.",
        cannot="A host without a profile: skipped. Without the opt-in role in the account: skipped.",
    ),
    "capture": StepText(
        what="Keeps what time would take away and needs no agent: console output, screenshot, the host's and its "
        "interfaces' descriptions (addresses, tags, metadata options), the rules of the groups in force; user data "
        "where policy says so. Everything is read beside the baseline, before the host is changed, and no step waits "
        "for it. Each piece goes into the evidence bucket with its SHA-256, and the manifest names its version.",
        baseline="The groups of each interface, whatever it wears later.",
        verify="The version that S3 gave is the proof: whoever writes evidence can't read it back.",
        release="Nothing: evidence is kept.",
        kept=True,
        cannot="A piece that can't be had is named: a host that doesn't run has no screenshot, a group of another "
        "account shows no rules.",
    ),
}

OPTION_TEXTS: Mapping[tuple[str, str], str] = {
    ("scaling", "leave"): "`standby` (default): stays a member that is out of service; `detach`: leaves the group",
    ("scaling", "replace"): "true (default): the group starts another host; false: it wants one host less",
    ("scaling", "targets"): "`deregister` (default): out of every target group, by id and by address; `keep`",
    ("isolate", "access"): "the investigators' way in: `ports` from `cidrs`, `security_groups`, `prefix_lists`; "
    "`ssm`: by Session Manager, what the host may reach by HTTPS",
    ("isolate", "idle_timeout"): "idle connections are forgotten after a minute",
    ("isolate", "network_acl"): "every network ACL of the VPC denies the host's addresses",
    ("isolate", "public_address"): "`keep` (default); `disassociate`: Elastic IPs are taken off the host, and kept",
    ("capture", "user_data"): "user data too, which often holds secrets; off unless policy says so",
    ("role_denial", "role"): "`deny` (default): the host's role is denied for this host alone; `keep`",
    ("role_denial", "ssm"): "`deny` (default); `exempt`: Systems Manager stays, where it is the investigators' way in",
    ("role_denial", "users"): "IAM users to restrict, beside those that a finding names",
    ("role_denial", "user_tag"): "the tag of the host that names an IAM user; by approval alone",
    ("role_denial", "inline"): "an inline denial for this host alone, which needs no free tag; opt-in role",
    ("role_denial", "revoke_sessions"): "every session of the role from before is denied, on its other hosts too; "
    "opt-in role",
    ("role_denial", "instance_profile"): "`keep` (default); `swap`: a profile that may do nothing; opt-in role",
}
"""(step, option) -> a line. ``enabled`` is every step's and told once."""
