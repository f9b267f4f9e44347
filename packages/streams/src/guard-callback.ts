/**
 * A callback of the application that only informs: nothing waits for it, and whatever it throws or rejects with goes to `onError`. A
 * type that says `=> void` takes async functions too, and a rejection that nobody holds ends the process.
 */
export function guardCallback<Args extends unknown[]>(
  callback: (...args: Args) => unknown,
  onError: (error: unknown) => void = () => undefined,
): (...args: Args) => void {
  return (...args) => {
    try {
      Promise.resolve(callback(...args)).catch(onError)
    } catch (error) {
      onError(error)
    }
  }
}
