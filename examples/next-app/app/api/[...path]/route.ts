import { api } from '../../../server/api'

const answer = (request: Request): Response | Promise<Response> => api().fetch(request)

export { answer as GET, answer as POST, answer as PUT, answer as PATCH, answer as DELETE }
