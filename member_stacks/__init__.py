# SPDX-License-Identifier: Apache-2.0
"""What StackSets deploys into every member account: the roles that Cordon assumes there, and the denials.

One flat template, the same for every account; nothing here runs.
"""
