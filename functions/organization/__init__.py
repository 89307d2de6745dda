# SPDX-License-Identifier: Apache-2.0
"""The hub's facts about its organisation: accounts and OUs, kill switches, the bundle in force."""
