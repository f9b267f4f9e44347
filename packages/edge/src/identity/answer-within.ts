/**
 * What a function of the application says, which may take for ever: streams go on, or stand still, meanwhile.
 *
 * @throws {Error} when it does not answer in time; what it says later is worth nothing. Or what it throws
 */
export async function answerWithin<Answer>(ms: number, ask: () => Promise<Answer> | Answer): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${ms} ms (identityTimeoutMs)`)), ms)
  })
  const answer = async (): Promise<Answer> => ask()
  return Promise.race([answer(), late]).finally(() => clearTimeout(timer))
}
