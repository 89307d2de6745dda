# SPDX-License-Identifier: Apache-2.0
"""Service control policies: what nobody in the organisation may do to evidence and to Cordon itself, as plain data."""
