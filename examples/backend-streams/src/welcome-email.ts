import type { Live } from './clients.ts'
import type { SendEmail } from './send-email.ts'

export async function sendWelcomeEmails(live: Live, sendEmail: SendEmail, signal?: AbortSignal): Promise<void> {
  const newUsers = live.stream({
    model: 'User',
    id: 'send-welcome-email',
    created: {},
    signal,
  })

  for await (const event of newUsers) {
    // Typed as the `User` model.
    const user = event.created
    await sendEmail({ to: user.email, subject: `Welcome, ${user.name}!` })
  }
}
