# SPDX-License-Identifier: Apache-2.0
"""Tests of policy: reading, merging, compiling, matching, deciding."""
