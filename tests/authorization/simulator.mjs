// SPDX-License-Identifier: Apache-2.0
// Evaluates a batch of simulations with iam-simulate: JSON on standard input, JSON on standard output.
// A process of its own, because the library is under the AGPL and is used by tests alone (ADR 0018).

import { readFileSync } from 'node:fs'
import {
  createValidatedPolicy,
  validateIdentityPolicy,
  validateResourcePolicy,
  validateServiceControlPolicy,
} from '@cloud-copilot/iam-policy'
import { runSimulation } from '@cloud-copilot/iam-simulate'

// Documents are sent once, named by number and validated once for each use: they hold for hundreds of requests.
const { documents, simulations } = JSON.parse(readFileSync(0, 'utf8'))
const reader = (validate) => {
  const read = new Map()
  return (number) => {
    if (!read.has(number)) {
      read.set(number, createValidatedPolicy(documents[number], validate, { name: String(number) }))
    }
    return read.get(number)
  }
}
const identity = reader(validateIdentityPolicy)
const guard = reader(validateServiceControlPolicy)
const resource = reader(validateResourcePolicy)
const named = (numbers, read) => numbers.map((number) => ({ name: String(number), policy: read(number) }))

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
process.stdout.write(JSON.stringify(verdicts))
