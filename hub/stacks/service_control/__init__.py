# SPDX-License-Identifier: Apache-2.0
"""Service control policies, as plain data: denials that protect evidence and Cordon itself."""
