export interface Email {
  to: string
  subject: string
}

/** Whatever sends e-mail in your application. */
export type SendEmail = (email: Email) => Promise<void>
