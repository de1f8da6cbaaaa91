import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

/** Debian's Chromium; no sandbox, since tests may run as root. @param executablePath what `clients.chromium` holds */
export function openBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-extensions'],
  });
}

export interface Tab {
  readonly page: Page;
  /** What the page's script threw and what the browser refused, such as by the content security policy. */
  readonly complaints: readonly string[];
  readonly close: () => Promise<void>;
}

/** A window with its own cookies. */
export async function openTab(browser: Browser, options: BrowserContextOptions = {}): Promise<Tab> {
  // Without transitions, so that nobody looks at colours on their way from one to another.
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // A status that the test itself asks for is no complaint of the browser's.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      complaints.push(message.text());
    }
  });
  return { page, complaints, close: () => context.close() };
}

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly help: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
  }[];
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds on the page as it is shown now; empty: nothing. @param rules only these, when given */
export async function axeFindings(page: Page, rules?: readonly string[]): Promise<readonly string[]> {
  const options = JSON.stringify(rules === undefined ? {} : { runOnly: rules });
  // By the debugger, which the page's content security policy does not bind.
  const { violations } = await page.evaluate<AxeResult>(
    `(() => { ${AXE}; return axe.run(document, ${options}); })()`,
  );
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}\n  ${node.html}\n  ${node.failureSummary ?? ''}`),
  );
}
