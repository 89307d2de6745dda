# SPDX-License-Identifier: Apache-2.0
"""The record of an incident: claimed by target, written once where it must never change, appended elsewhere.

Errors:

ClaimLostError      the lease ran out, and another attempt took the target over
LimitReachedError   a counter of containments is used up
ResourceBusyError   a shared resource can't be acquired or released just now
"""
