import { defineConfig } from 'vitest/config'

// Packages are read from `src`, unbuilt.
const conditions = ['@zenstack-live/source']
const resolve = { conditions: [...conditions, 'module', 'browser', 'development|production'] }
// Not `module`: Node itself is given these conditions too, and what some packages have there only bundlers can read.
const ssr = { resolve: { conditions: [...conditions, 'node', 'development|production'] } }

const SERVICE = ['packages/*/test/**/*.service.test.ts', 'packages/*/test/**/*.service.test.tsx', 'examples/**/*.service.test.ts']
const PROPERTY = ['packages/*/test/**/*.property.test.ts']
const BROWSER_TYPES = ['packages/{client,react}/test/**/*.test-d.{ts,tsx}']
const REACT = ['packages/*/test/**/*.test.tsx']

// These take milliseconds; on a busy machine some wait for a process of their own, or for their turn.
const PATIENCE = { testTimeout: 60_000, hookTimeout: 60_000 }

export default defineConfig({
  test: {
    projects: [
      {
        ssr,
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts', 'scripts/test/**/*.test.ts', 'bench/test/**/*.test.ts'],
          exclude: [...SERVICE, ...PROPERTY, '**/*.packed.test.ts'],
          ...PATIENCE,
        },
      },
      { ssr, test: { name: 'property', include: PROPERTY, testTimeout: 120_000 } },
      { resolve, ssr, test: { name: 'react', include: REACT, exclude: SERVICE, environment: 'happy-dom', ...PATIENCE } },
      {
        ssr,
        test: {
          name: 'service',
          include: SERVICE,
          globalSetup: ['packages/testing/src/service-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Two cores: more workers would only make real servers wait for each other.
          maxWorkers: 2,
        },
      },
      // What users install: tarballs in empty projects, through npm.
      {
        ssr,
        test: {
          name: 'packed',
          include: ['scripts/test/*.packed.test.ts'],
          globalSetup: ['scripts/test/packed-setup.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          // They wait for downloads by turns.
          maxWorkers: 2,
        },
      },
      {
        ssr,
        test: {
          name: 'types',
          include: [],
          typecheck: { enabled: true, only: true, include: ['packages/*/test/**/*.test-d.ts'], exclude: BROWSER_TYPES },
        },
      },
      {
        ssr,
        test: {
          name: 'types-browser',
          include: [],
          // As an app with a bundler sees them.
          typecheck: { enabled: true, only: true, tsconfig: './tsconfig.types.json', include: BROWSER_TYPES },
        },
      },
    ],
  },
})
