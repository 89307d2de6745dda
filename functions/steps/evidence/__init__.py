# SPDX-License-Identifier: Apache-2.0
"""Steps that keep evidence: ``snapshot``, ``capture``, ``protect`` and ``tags``.

``snapshot`` is about disks, ``capture`` about what time takes away, ``protect`` about termination. The evidence lock
goes by the ``tags``.
"""
