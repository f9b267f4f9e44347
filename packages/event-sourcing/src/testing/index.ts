export { createMemoryEventClient, type MemoryClientOptions } from './memory-client.ts'
export { projectionSpec, spec, type DecisionOutcome, type DecisionSpecification, type ProjectionSpecification } from './specification.ts'
