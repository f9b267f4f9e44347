/** Small named texts that live and die with the log. */
export interface LogNotes {
  get(name: string): Promise<string | undefined>
  set(name: string, text: string): Promise<void>
  /** Keeps the text only where there is none yet, and gives the one that is kept: many processes agree on it. */
  agree(name: string, text: string): Promise<string>
}
