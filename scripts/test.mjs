// `npm test`: from a bare clone, the unit tests, then the end-to-end tests. Arguments go to vitest, except --no-skips: then a
// client that is not there is a failure.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkNode, ensureBuilt, ensureInstalled, root, setUp } from './set-up.mjs';

checkNode();
setUp([ensureInstalled, ensureBuilt]);

const args = process.argv.slice(2).filter((arg) => arg !== '--no-skips');
const skipsAllowed = args.length === process.argv.length - 2;
const results = ['unit', 'e2e'].map(runProject);
const tests = results.flatMap((result) => result.tests);
const count = (...statuses) => tests.filter(({ status }) => statuses.includes(status)).length;

const passed = count('passed');
const skipped = count('skipped', 'pending', 'todo', 'disabled');
// A file that cannot be loaded, or an error outside of any test, fails a run in which no test has failed.
const unnamed = results.filter(({ exitCode, tests: own }) => exitCode !== 0 && !own.some(isFailed)).length;
const failed = count('failed') + unnamed;

listSkipped();
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 || passed === 0 || (skipped > 0 && !skipsAllowed) ? 1 : 0;

function runProject(project) {
  const directory = mkdtempSync(join(tmpdir(), 'patgate-test-'));
  const report = join(directory, 'report.json');
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  try {
    const { status } = spawnSync(
      process.execPath,
      [
        vitest,
        'run',
        '--project',
        project,
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${report}`,
        // Vitest takes one of two cores by itself. End-to-end tests fill both: a gateway, engines, a browser.
        ...(project === 'unit' ? ['--maxWorkers=2'] : []),
        // A filter may leave one of the projects without a test.
        ...(args.length > 0 ? ['--passWithNoTests', ...args] : []),
      ],
      { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
    );
    return { exitCode: status ?? 1, tests: readTests(report) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function readTests(report) {
  try {
    return JSON.parse(readFileSync(report, 'utf8')).testResults.flatMap((file) => file.assertionResults);
  } catch (error) {
    console.error(`vitest left no report: ${error.message}`);
    return [];
  }
}

function isFailed({ status }) {
  return status === 'failed';
}

/** Tests name the client that they need in their title, see test/support/clients.ts. */
function listSkipped() {
  const byReason = new Map();
  for (const { status, fullName } of tests) {
    if (status === 'passed' || status === 'failed') continue;
    const client = /\[needs ([^\]]+)\]/.exec(fullName)?.[1];
    const reason = client === undefined ? fullName : `needs ${client}, which is not here`;
    byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
  }
  if (byReason.size === 0) return;
  console.log('Skipped:');
  for (const [reason, number] of byReason)
    console.log(`  ${reason}${number > 1 ? ` (${number} tests)` : ''}`);
}
