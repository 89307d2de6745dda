# SPDX-License-Identifier: Apache-2.0
"""Steps on the host's network: the quarantine group on its interfaces, and what ends connections that are open.

``isolate`` is the step, with ``quarantine_group``, ``group_rules``, ``access`` and ``wearers`` behind it. Its options
are steps of their own: ``network_acl`` (with ``acl_entries`` and ``vpc_network``), ``idle_timeout`` and
``public_address``.
"""
