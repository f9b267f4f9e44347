export { serveEdge, type ServedEdge, type ServeEdgeOptions } from './serve-edge.ts'
