# SPDX-License-Identifier: Apache-2.0
"""Steps on credentials: the host's role and the IAM users that findings name.

``role_denial`` denies the role for this host (with ``denied_role``, and ``role_return`` for the way back), ``users``
restricts users. ``sessions`` and ``instance_profile`` take the opt-in role (``opt_in``). ``iam_reading`` reads what all
of them need.
"""
