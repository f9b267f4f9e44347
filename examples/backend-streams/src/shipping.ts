import type { Live } from './clients.ts'
import type { SendEmail } from './send-email.ts'

export async function sendDeliveryNotices(live: Live, sendEmail: SendEmail, signal?: AbortSignal): Promise<void> {
  const deliveredOrders = live.stream({
    model: 'Order',
    id: 'send-delivered-email',
    updated: {
      // A transition: the order did *not* match before, and does now.
      after: { status: 'DELIVERED' },
    },
    signal,
  })

  for await (const event of deliveredOrders) {
    const order = event.updated.after
    await sendEmail({ to: order.contactEmail, subject: `Delivered on ${event.date.toISOString().slice(0, 10)}` })
  }
}
