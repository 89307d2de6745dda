# SPDX-License-Identifier: Apache-2.0
"""The record of an incident: claimed by target, written once where it must never change, appended elsewhere."""
