// `npm run check`: what every change must pass besides the tests, side by side where one does not need the other.
import { spawn } from 'node:child_process';
import { root } from './set-up.mjs';

/** The build is what the generated pages are compared with. */
const LANES = [['lint'], ['types', 'format:check', 'build', 'docs:check', 'supply']];

const passed = await Promise.all(LANES.map(runLane));
process.exitCode = passed.every(Boolean) ? 0 : 1;

/** @returns whether all steps passed; the first that does not ends the lane */
async function runLane(steps) {
  for (const step of steps) {
    const startMs = performance.now();
    const { code, output } = await run(step);
    const seconds = Math.round((performance.now() - startMs) / 1000);
    console.log(`${code === 0 ? 'passed' : 'FAILED'}: ${step} (${seconds} s)`);
    if (output !== '') console.log(output);
    if (code !== 0) return false;
  }
  return true;
}

/** What two steps print at the same time would be mixed up: each is told when it is over. */
function run(step) {
  return new Promise((resolve) => {
    const child = spawn('npm', ['run', '--silent', step], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => (output += text));
    }
    child.on('error', (error) => resolve({ code: 1, output: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 1, output: output.trimEnd() }));
  });
}
