import { ACCESS_PARAMETER, LiveError, type AccessAnswer } from '@zenstack-live/protocol'
import { encodeAccessTicket, ownerOf, parseAccessTicket } from './access-ticket.ts'
import { askApplication } from './ask-application.ts'
import type { EdgeContext } from '../edge-context.ts'
import type { Identities, Identity } from './identity.ts'
import type { IdentityChanges, IdentityUse, SettledIdentity } from './identity-changes.ts'
import type { LiveClient } from './live-client.ts'
import { createWaitingLine, type EnterLine } from './waiting-line.ts'

const MAX_LOGGED_CHARS = 100

/** What the application says of one request. */
export interface Credentials {
  /** The client that answers for this request's user. Asked again while a stream lasts. None, or an error with status 401: nobody is signed in. */
  getClient(): Promise<LiveClient> | LiveClient
  /** Clients with equal keys are set up alike; without one, only those with the very same `$options` are. */
  clientKey?(client: LiveClient): string
  /** Lets streams in by a ticket in their URL; without it, none is made or looked at. */
  accessTickets?: AccessTickets
}

export interface AccessTickets {
  /** For whom a ticket is, asked with the request's own credentials. */
  mint(): Promise<AccessGrant> | AccessGrant
  /** The client of whom `mint` named, as it is now. Asked again while the stream lasts. */
  redeem(subject: string): Promise<LiveClient> | LiveClient
}

/** Whom a ticket lets in, and for how long. */
export interface AccessGrant {
  /** Text by which `redeem` finds them. It can be read by whoever sees the URL: an id, never a secret. */
  readonly subject: string
  /** In milliseconds since 1970: when the credentials that were shown end. @defaultValue `accessTicketMaxAgeMs` from now, which is also the most there is */
  readonly expiresAtMs?: number
}

/** Who sent a request. */
export interface Visitor {
  /** As they were last settled; `undefined` until then. */
  readonly identity: Identity | undefined
  /**
   * Asked again while a stream lasts.
   *
   * @param use - what is made for them. @defaultValue `answer`
   * @param before - whom a stream was told as; nobody where that is not to be gone by
   * @throws {LiveError} when nobody is there any more
   */
  settle(use?: IdentityUse, before?: Identity): Promise<SettledIdentity>
  /** When a stream of theirs ends, in milliseconds since 1970; `undefined` when only the application decides. */
  readonly expiresAtMs: number | undefined
}

/** There is one for each stream: it holds no closures, and no dictionary of its members, as a literal with an accessor would. */
class AskedVisitor implements Visitor {
  readonly expiresAtMs: number | undefined
  readonly #identityChanges: IdentityChanges
  readonly #enterLine: EnterLine
  readonly #identify: () => Promise<Identity>
  #identity: Identity | undefined
  /** The question that waits for its turn: it is as good for whoever asks again meanwhile. */
  #inLine: Promise<SettledIdentity> | undefined

  constructor(identityChanges: IdentityChanges, enterLine: EnterLine, identify: () => Promise<Identity>, expiresAtMs: number | undefined) {
    this.#identityChanges = identityChanges
    this.#enterLine = enterLine
    this.#identify = identify
    this.expiresAtMs = expiresAtMs
  }

  get identity(): Identity | undefined {
    return this.#identity
  }

  async settle(use: IdentityUse = 'answer', before?: Identity): Promise<SettledIdentity> {
    const settled = await this.#identityChanges.settle(() => (this.#inLine ??= this.#ask()), use, before)
    this.#identity = settled.identity
    return settled
  }

  async #ask(): Promise<SettledIdentity> {
    const leave = await this.#enterLine(this.#identity !== undefined).finally(() => (this.#inLine = undefined))
    const askedAt = this.#identityChanges.askNow()
    return this.#identify()
      .then((identity) => ({ identity, askedAt }))
      .finally(leave)
  }
}

/**
 * Finds out who sends requests: by what they carry, or by a ticket in the URL that opens one stream only. Who is asked for when
 * `maxConcurrentIdentityQuestions` are being answered waits in line, for `identityMaxAgeMs` at the most.
 */
export class Visitors {
  readonly #context: EdgeContext
  readonly #identities: Identities
  readonly #enterLine: EnterLine

  constructor(context: EdgeContext, identities: Identities) {
    this.#context = context
    this.#identities = identities
    const { maxConcurrentIdentityQuestions: maxAtOnce, maxWaitingQuestions: maxNewcomers, identityMaxAgeMs: maxWaitMs } = context.limits
    this.#enterLine = createWaitingLine({ maxAtOnce, maxNewcomers, maxWaitMs })
  }

  /** Whoever the request's own credentials name. */
  byCredentials(credentials: Credentials): Visitor {
    return this.#visitor(() => this.#identityOf(credentials, 'getClient', () => credentials.getClient()))
  }

  /**
   * The same, for the request of a stream: its URL may hold a ticket, and then nothing else counts.
   *
   * @param opens - what the URL asks for, as text
   * @throws {LiveError} `unauthenticated` when the ticket is not one for this. That it has expired is said when the visitor is settled
   */
  ofStream(credentials: Credentials, request: Request, opens: string): Visitor {
    const { accessTickets } = credentials
    const text = accessTickets === undefined ? null : new URL(request.url).searchParams.get(ACCESS_PARAMETER)
    if (accessTickets === undefined || text === null) return this.byCredentials(credentials)
    const { keys, limits } = this.#context
    const ticket = text.length > limits.maxAccessTicketBytes ? undefined : parseAccessTicket(keys, this.#bound(opens), text)
    if (ticket === undefined) throw new LiveError('unauthenticated', 'An access ticket is not one for this URL.')
    return this.#visitor(async () => {
      checkAge(ticket)
      const identity = await this.#identityOf(credentials, 'redeem', () => accessTickets.redeem(ticket.subject))
      if (ownerOf(keys, identity.authKey) !== ticket.owner)
        throw new LiveError('unauthenticated', `For "${logged(ticket.subject)}", redeem gave the client of somebody else.`)
      return identity
    }, ticket.expiresAtMs)
  }

  /**
   * A ticket for a visitor by the request's own credentials.
   *
   * @throws {LiveError} `bad_request` where there are none; `unauthenticated`; `auth_expired`; `internal` when `mint` and `getClient` do not mean the same person
   */
  async mint(credentials: Credentials, visitor: Visitor, opens: string): Promise<Response> {
    const { keys, limits } = this.#context
    const { accessTickets } = credentials
    if (accessTickets === undefined) throw new LiveError('bad_request', 'This edge has no access tickets: POST goes to the base itself.')
    const { identity } = await visitor.settle()
    const { subject, expiresAtMs: endsAtMs = Infinity } = await this.#inTurn(() => askApplication('mint', () => accessTickets.mint(), limits))
    const expiresAtMs = Math.floor(Math.min(endsAtMs, Date.now() + limits.accessTicketMaxAgeMs))
    checkAge({ subject, expiresAtMs })
    const access = encodeAccessTicket(keys, this.#bound(opens), { subject, owner: ownerOf(keys, identity.authKey), expiresAtMs })
    if (access.length > limits.maxAccessTicketBytes) {
      throw new LiveError(
        'internal',
        `What mint named makes a ticket of ${access.length} bytes; maxAccessTicketBytes is ${limits.maxAccessTicketBytes}.`,
      )
    }
    const redeemed = await this.#inTurn(() => this.#identityOf(credentials, 'redeem', () => accessTickets.redeem(subject)))
    if (redeemed.authKey !== identity.authKey) throw new LiveError('internal', 'For what mint named, redeem gives the client of somebody else.')
    return Response.json({ access, expiresAtMs } satisfies AccessAnswer, { headers: { 'cache-control': 'no-store' } })
  }

  #visitor(identify: () => Promise<Identity>, expiresAtMs?: number): Visitor {
    return new AskedVisitor(this.#context.identityChanges, this.#enterLine, identify, expiresAtMs)
  }

  async #inTurn<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    const leave = await this.#enterLine(false)
    return ask().finally(leave)
  }

  async #identityOf(credentials: Credentials, name: string, ask: () => Promise<LiveClient> | LiveClient): Promise<Identity> {
    const client = await askApplication(name, ask, this.#context.limits)
    return this.#identities.of(client, credentials.clientKey?.(client))
  }

  /** Of another schema, or of tables that are others now, it opens nothing. */
  #bound(opens: string): string {
    return `${this.#context.data.fingerprint} ${opens}`
  }
}

function checkAge({ subject, expiresAtMs }: { subject: string; expiresAtMs: number }): void {
  // Also when it is no number.
  if (!(Date.now() < expiresAtMs))
    throw new LiveError('auth_expired', `The access ticket of "${logged(subject)}" has expired, or what it stands for.`)
}

function logged(subject: string): string {
  return subject.slice(0, MAX_LOGGED_CHARS)
}
