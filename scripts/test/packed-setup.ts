import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { packAll } from './pack.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of each package that users install, by name. */
    tarballs: Record<string, string>
  }
}

/** What is published, built and packed once for all tests of a run. */
export default async function setUpPackages(project: TestProject): Promise<() => void> {
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-tarballs-'))
  project.provide('tarballs', await packAll(directory))
  return () => rmSync(directory, { recursive: true, force: true })
}
