# SPDX-License-Identifier: Apache-2.0
"""What StackSets puts into every member account: the roles that Cordon assumes there, and what a quarantine denies.

One flat template, the same for every account; nothing here runs.
"""
