export type Browser =
  | {
      path: string
      origin: string
    }
  | {
      path: undefined
      cure: string
    }
/**
 * A Chromium for the browser tests: `$CHROMIUM_PATH`, one on PATH, Playwright's download, and last, as root on Debian or
 * Ubuntu, the distribution's package.
 */
export declare function findBrowser(say: (line: string) => void): Browser
//# sourceMappingURL=find-browser.d.ts.map
