# SPDX-License-Identifier: Apache-2.0
"""The hub's facts about its organisation: accounts and OUs, kill switches, the bundle in force.

Errors:

ControlError     the hub's own record could not be read whole
DirectoryError   the directory can't be read, or Organizations could not be asked
UntoldError      a change of the control record was not sent to people; it has to come again
"""
