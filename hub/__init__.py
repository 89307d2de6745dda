# SPDX-License-Identifier: Apache-2.0
"""The delegated-admin account: its stacks and the side that people operate."""
