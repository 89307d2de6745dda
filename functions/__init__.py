# SPDX-License-Identifier: Apache-2.0
"""What runs in Lambda.

This is the only folder that ships. It needs boto3 and jmespath and nothing else, because cold start is
part of the product, and it knows nothing of YAML, of CDK or of ``hub``: policy reaches it compiled.
"""
