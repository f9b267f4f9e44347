/** Calls a listener. What it throws is reported as uncaught, and harms neither the stream it came from nor other listeners. */
export function callListener<T>(listener: (value: T) => void, value: T): void {
  try {
    listener(value)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
