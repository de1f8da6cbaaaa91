// `npm run supply`: what is installed with patgate, held against what is allowed. `-- --licences` lists what runs in production with
// its licences, `-- --sbom FILE` writes it as a CycloneDX bill of materials.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file) => JSON.parse(readFileSync(join(root, file), 'utf8'));

/** Licences under which a dependency may be used and passed on without asking. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'MIT-0',
  'PostgreSQL',
]);
/** Allowed for tools that are not part of the product: their sources are not changed. */
const ALLOWED_FOR_TOOLS = new Set(['MPL-2.0', 'CC-BY-4.0', 'CC0-1.0', 'Python-2.0']);

const { allowScripts = {} } = read('package.json');
const packages = Object.entries(read('package-lock.json').packages)
  .filter(([path]) => path !== '')
  .map(([path, entry]) => ({ name: path.slice(path.lastIndexOf('node_modules/') + 13), ...entry }));

const production = packages.filter(({ dev }) => !dev);

const problems = packages.flatMap((entry) => [
  ...licenceProblems(entry),
  ...scriptProblems(entry),
  ...sourceProblems(entry),
]);

// npm before 12 does not know allowScripts, and asks nobody before it runs a script of a package.
if (!/^ignore-scripts *= *true$/m.test(readFileSync(join(root, '.npmrc'), 'utf8'))) {
  problems.push('.npmrc: without ignore-scripts=true, npm 10 and 11 run the scripts of packages');
}

function licenceProblems({ name, version, license, dev }) {
  if (ALLOWED.has(license) || (dev && ALLOWED_FOR_TOOLS.has(license))) return [];
  return [
    `${name}@${version}: the licence ${license ?? '(none named)'} is not on the list in scripts/supply.mjs`,
  ];
}

/** A package whose script is needed is of no use here; one whose script is not is named in package.json as refused. */
function scriptProblems({ name, version, hasInstallScript }) {
  if (!hasInstallScript || allowScripts[name] === false) return [];
  return [`${name}@${version}: has an install script, which allowScripts in package.json does not refuse`];
}

function sourceProblems({ name, version, resolved, integrity, link, inBundle }) {
  if (link || inBundle) return [];
  // .npmrc leaves the registry's own addresses out, so that a mirror can be used.
  if (resolved !== undefined && !resolved.startsWith('https://registry.npmjs.org/')) {
    return [`${name}@${version}: comes from ${resolved}`];
  }
  return integrity?.startsWith('sha512-') ? [] : [`${name}@${version}: has no SHA-512 in package-lock.json`];
}

const pins = Object.entries({
  ...read('package.json').dependencies,
  ...read('package.json').optionalDependencies,
});
for (const [name, version] of pins) {
  if (!/^\d/.test(version)) problems.push(`${name}: "${version}" in package.json is no exact version`);
}

if (process.argv[2] === '--licences') console.log(table());
else if (process.argv[2] === '--sbom')
  writeFileSync(process.argv[3] ?? 'sbom.json', `${JSON.stringify(sbom(), null, 2)}\n`);
else report();

function table() {
  const rows = production.map(({ name, version, license }) => `| ${name} | ${version} | ${license} |`);
  return ['| package | version | licence |', '| --- | --- | --- |', ...new Set(rows.sort())].join('\n');
}

/**
 * CycloneDX, of what runs in production. npm's own `--omit dev` leaves out, too, what production needs and package.json names for
 * tests as well.
 */
function sbom() {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
  const all = JSON.parse(execFileSync('npm', args, { cwd: root, maxBuffer: 64 * 1024 * 1024 }));
  const used = new Set(production.map(({ name, version }) => `${name}@${version}`));
  const components = all.components.filter(({ name, version }) => used.has(`${name}@${version}`));
  const kept = new Set([all.metadata.component['bom-ref'], ...components.map((one) => one['bom-ref'])]);
  const dependencies = all.dependencies
    .filter(({ ref }) => kept.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => kept.has(one)) }));
  return { ...all, components, dependencies };
}

/** Each package that runs in production has to be in the bill, with its licence and its hash. */
function sbomProblems() {
  const bill = new Map(sbom().components.map((one) => [`${one.name}@${one.version}`, one]));
  return production.flatMap(({ name, version }) => {
    const { licenses = [], hashes = [] } = bill.get(`${name}@${version}`) ?? {};
    if (licenses.length > 0 && hashes.length > 0) return [];
    return [`${name}@${version}: not in the bill of materials with its licence and hash`];
  });
}

function report() {
  problems.push(...sbomProblems());
  for (const problem of problems) console.error(problem);
  if (problems.length === 0) {
    console.log(
      `${packages.length} packages, ${production.length} of them in production: licences, scripts and sources are as allowed`,
    );
  }
  process.exitCode = problems.length === 0 ? 0 : 1;
}
