import { createHash } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BIG_QUERY, BULK, CREATE_BIG, bigDigest, bigTableDigest, fileDigest } from '../support/big-table.ts';
import { startClientGround, type ClientGround } from '../support/client-ground.ts';
import { describeWith } from '../support/clients.ts';
import { untilAsleep } from '../support/engine-sessions.ts';
import { describeLogins } from '../support/login-suite.ts';
import { conninfo, psqlArgs, psqlLogin, runPsql } from '../support/psql.ts';
import { digestOutput } from '../support/run-client.ts';
import { temporaryDirectory } from '../support/temporary.ts';

describeWith('psql', 'psql, login.method = scram-sha-256', (psql) => {
  let ground: ClientGround;
  let ada: { PGUSER: string; PGPASSWORD: string };

  beforeAll(async () => {
    ground = await startClientGround('scram-sha-256');
    ada = { PGUSER: 'ada', PGPASSWORD: ground.people.ada.password };
  });
  afterAll(() => ground.stop());

  const asAda = (script: string, target = conninfo(ground.gateway)) => runPsql(psql, target, script, ada);

  describeLogins(psqlLogin(psql), () => ground);

  describe('ways to say where and who', () => {
    test('nothing about TLS: psql takes it where it is offered', async () => {
      const { gateway } = ground;
      const target = `host=localhost port=${gateway.port} dbname=${gateway.engine.name}`;
      const { stdout } = await asAda('SELECT 42;\n\\conninfo\n', target);
      expect(stdout).toMatch(/^42\n.*\nSSL connection \(protocol: TLSv1\.3, /);
    });

    test('a URI, as the recipes have it', async () => {
      const { gateway, people, roles } = ground;
      const uri = gateway.connectionString('$token', people.tokens.ada.token).replace('%24', '$');
      expect(await runPsql(psql, uri, 'SELECT current_user')).toMatchObject({ stdout: `${roles.ada}\n` });
    });

    test('a service file and a password file', async () => {
      const { gateway, people, roles } = ground;
      const home = await temporaryDirectory();
      const service = conninfo(gateway).replaceAll(' ', '\n');
      await writeFile(path.join(home, '.pg_service.conf'), `[front]\nuser=$token\n${service}\n`);
      const passwords = path.join(home, '.pgpass');
      await writeFile(passwords, `localhost:${gateway.port}:*:$token:${people.tokens.ada.token}\n`);
      await chmod(passwords, 0o600);
      const env = { HOME: home, PGSERVICEFILE: path.join(home, '.pg_service.conf'), PGPASSFILE: passwords };
      const run = await runPsql(psql, 'service=front', 'SELECT current_user', env);
      expect(run).toMatchObject({ stderr: '', stdout: `${roles.ada}\n` });
    });
  });

  test('a wrong password is tried with and without TLS by default, and counts as one', async () => {
    const { gateway } = ground;
    const target = `host=localhost port=${gateway.port} dbname=${gateway.engine.name}`;
    const env = { PGUSER: 'mallory', PGPASSWORD: 'wrong' };
    const { code, stderr } = await runPsql(psql, target, 'SELECT 1', env);
    expect(code).toBe(2);
    expect(stderr.match(/FATAL: {2}password authentication failed for user "mallory"/g)).toHaveLength(2);
  });

  test('a database that does not exist', async () => {
    const { code, stderr } = await asAda('SELECT 1', `${conninfo(ground.gateway)} dbname=nowhere`);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/FATAL: {2}database "nowhere" does not exist\n$/) as string,
    });
  });

  test('settings of the environment reach the engine', async () => {
    const names = [
      'client_encoding',
      'DateStyle',
      'TimeZone',
      'search_path',
      'application_name',
      'extra_float_digits',
    ];
    const env = {
      ...ada,
      PGCLIENTENCODING: 'LATIN1',
      PGDATESTYLE: 'German',
      PGTZ: 'Asia/Tokyo',
      PGAPPNAME: 'monthly report',
      PGOPTIONS: '-c search_path="odd\\ one",public --extra-float-digits=2',
    };
    const script = names.map((name) => `SHOW ${name};\n`).join('');
    expect(await runPsql(psql, conninfo(ground.gateway), script, env)).toMatchObject({
      stdout: 'LATIN1\nGerman, DMY\nAsia/Tokyo\n"odd one",public\nmonthly report\n2\n',
    });
  });

  test('a replication connection', async () => {
    const { stdout } = await asAda('IDENTIFY_SYSTEM', `${conninfo(ground.gateway)} replication=database`);
    expect(stdout.trim().split('|')).toEqual([
      expect.stringMatching(/^\d{19}$/),
      '1',
      expect.stringContaining('/'),
      ground.gateway.engine.name,
    ]);
  });

  test('an error inside a transaction', async () => {
    const script = `BEGIN;\nSELECT 1/0;\nSELECT 1;\nROLLBACK;\nSELECT 'after';\n`;
    const { stdout, stderr } = await asAda(script);
    expect(stdout).toBe('after\n');
    expect(stderr.match(/ERROR: {2}\w+/g)).toEqual(['ERROR:  22012', 'ERROR:  25P02']);
  });

  test('a statement prepared once and executed many times', async () => {
    const { stdout } = await asAda(
      `PREPARE twice (integer) AS SELECT $1 * 2;\n${'EXECUTE twice (21);\n'.repeat(500)}`,
    );
    expect(stdout).toBe('42\n'.repeat(500));
  });

  test('a literal of 17 MB, there and back', async () => {
    const hex = createHash('shake256', { outputLength: 17_000_000 }).update('seed').digest('hex');
    const { stdout } = await asAda(`SELECT '\\x${hex}'::bytea;\n`);
    expect(stdout === `\\x${hex}\n`).toBe(true);
  });

  test('LISTEN and NOTIFY', async () => {
    const notify = `"${psql}" "${conninfo(ground.gateway)}" -XAtqc "NOTIFY news, 'ünïcode'"`;
    const { stdout } = await asAda(`LISTEN news;\n\\! ${notify}\nSELECT 1;\n`);
    expect(stdout).toMatch(/^1\nAsynchronous notification "news" with payload "ünïcode" received from /);
  });

  test.each(['TLS', 'plain'])('Ctrl-C cancels a query of a %s session', async (way) => {
    const target = conninfo(ground.gateway, way === 'TLS');
    const args = psqlArgs(target, '-c', 'SELECT pg_sleep(60)');
    const child = spawn(psql, args, { env: { ...ada, LC_ALL: 'C' }, stdio: 'pipe' });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text: Buffer) => (output += text.toString()));
    await untilAsleep(ground.gateway.engine);
    child.kill('SIGINT');
    await once(child, 'close');
    expect(output).toContain('ERROR:  57014: canceling statement due to user request');
  });

  test('COPY of more than 100 MB both ways, to the byte', BULK, async () => {
    const { gateway } = ground;
    const wanted = await bigDigest(gateway);
    const file = path.join(await temporaryDirectory(), 'big.tsv');
    await asAda(`${CREATE_BIG};\n\\copy (${BIG_QUERY}) TO '${file}'\n\\copy big FROM '${file}'\n`);
    expect(await fileDigest(file)).toEqual(wanted);
    expect(await bigTableDigest(gateway)).toEqual(wanted);
  });

  test.each([0, 10_000])('a million rows, FETCH_COUNT=%i', BULK, async (fetchCount) => {
    const args = psqlArgs(conninfo(ground.gateway), '-v', `FETCH_COUNT=${fetchCount}`);
    const digest = await digestOutput(psql, args, {
      env: ada,
      input: 'SELECT i FROM generate_series(1, 1000000) i',
    });
    const rows = Array.from({ length: 1_000_000 }, (_, index) => `${index + 1}\n`).join('');
    expect(digest.sha256).toBe(createHash('sha256').update(rows).digest('hex'));
  });
});

describeWith('psql', 'psql, login.method = cleartext', (psql) => {
  let ground: ClientGround;

  beforeAll(async () => {
    ground = await startClientGround('cleartext', { 'sessions.allow_replication': 'false' });
  });
  afterAll(() => ground.stop());

  describeLogins(psqlLogin(psql), () => ground);

  test('replication, where it is not allowed', async () => {
    const { gateway, people } = ground;
    const env = { PGUSER: 'ada', PGPASSWORD: people.ada.password };
    const run = await runPsql(psql, `${conninfo(gateway)} replication=database`, 'IDENTIFY_SYSTEM', env);
    expect(run.stderr).toMatch(/FATAL: {2}replication connections are not allowed through this gateway\n$/);
  });
});
