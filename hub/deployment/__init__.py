# SPDX-License-Identifier: Apache-2.0
"""What the platform team decides about a deployment: ``config/deployment.yaml``, read and checked."""
