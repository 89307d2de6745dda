# SPDX-License-Identifier: Apache-2.0
"""Putting a host back as it was: compare and set, item by item, and every gap named.

Errors:

ReleaseError   the incident can't be released now
RequestError   the request makes no sense
"""
