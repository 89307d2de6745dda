# SPDX-License-Identifier: Apache-2.0
"""The demonstration: a few findings, an organisation for them, and what has to come of it."""
