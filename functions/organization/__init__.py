# SPDX-License-Identifier: Apache-2.0
"""What the hub knows of its organisation: accounts and OUs, kill switches, which bundle is in force."""
