/** Small named texts that live and die with the log. */
export interface LogNotes {
  get(name: string): Promise<string | undefined>
  set(name: string, text: string): Promise<void>
  /**
   * Keeps the text only where there is none yet, and gives the one that is kept: many processes agree on it. Into a log that takes the place
   * of one that was lost, those that agreed put it again; who opens it before one of them has noticed may be faster.
   */
  agree(name: string, text: string): Promise<string>
}
