# SPDX-License-Identifier: Apache-2.0
"""The claim and the record."""
