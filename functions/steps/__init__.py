# SPDX-License-Identifier: Apache-2.0
"""What containment is made of: each step one module and one record, none of which knows the engine.

Errors, beside those of AWS; the engine makes a failed item of each:

StepError
├── GroupError                no quarantine group can be trusted or made
│   └── NotVisibleYetError    EC2 does not show yet what a new group is made with
├── ItemError                 the step can't go on after one of its calls failed
├── NoRoomError               a network ACL takes no further entries
├── NothingThereError         there is nothing to keep: a fact about the host
├── SlotsUsedError            every tag of a role that can deny a host is taken
├── UnknownTypeError          EC2 told nothing of the host's type
├── UnreadError               EC2 answered without the value that was asked for
└── UnseenError               whether a snapshot was made already can't be seen
"""
