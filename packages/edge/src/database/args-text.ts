/** Arguments of a question, or parameters of a statement, as text: equal ones give equal texts. */
export function argsText(args: unknown): string {
  return JSON.stringify(args, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
}
