// SPDX-License-Identifier: Apache-2.0
// Evaluates batches of simulations with iam-simulate: a line of JSON in for each, a line of JSON out.
// A process of its own, because the library is under the AGPL and is used by tests alone (ADR 0018).

import { createInterface } from 'node:readline'
import {
  createValidatedPolicy,
  validateIdentityPolicy,
  validateResourcePolicy,
  validateServiceControlPolicy,
} from '@cloud-copilot/iam-policy'
import { runSimulation } from '@cloud-copilot/iam-simulate'

// Documents are sent once a batch, named by number, and validated once for each use: they hold for many requests.
const reader = (documents, validate) => {
  const read = new Map()
  return (number) => {
    if (!read.has(number)) {
      read.set(number, createValidatedPolicy(documents[number], validate, { name: String(number) }))
    }
    return read.get(number)
  }
}
const named = (numbers, read) => numbers.map((number) => ({ name: String(number), policy: read(number) }))

async function evaluated({ documents, simulations }) {
  const identity = reader(documents, validateIdentityPolicy)
  const guard = reader(documents, validateServiceControlPolicy)
  const resource = reader(documents, validateResourcePolicy)
  const verdicts = []
  for (const each of simulations) {
    const answer = await runSimulation(
      {
        request: each.request,
        identityPolicies: named(each.identity, identity),
        serviceControlPolicies: each.guards.map((numbers, level) => ({
          orgIdentifier: `level-${level}`,
          policies: named(numbers, guard),
        })),
        resourceControlPolicies: [],
        ...(each.session === null ? {} : { sessionPolicy: identity(each.session) }),
        ...(each.boundary === null ? {} : { permissionBoundaryPolicies: named([each.boundary], identity) }),
        ...(each.resource === null ? {} : { resourcePolicy: resource(each.resource) }),
      },
      {},
    )
    verdicts.push(
      answer.resultType === 'single'
        ? { result: answer.overallResult, ignored: answer.result.ignoredContextKeys ?? [], error: null }
        : { result: null, ignored: [], error: answer.errors ?? { message: answer.resultType } },
    )
  }
  return verdicts
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await evaluated(JSON.parse(line)))}\n`)
}
