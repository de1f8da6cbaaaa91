import { readFileSync } from 'node:fs';
import { rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { describeWith } from '../../support/clients.ts';
import { eventually } from '../../support/eventually.ts';
import { parseLines, prepareGround, type GatewaySettings, type TestUser } from '../../support/gateway.ts';
import { startGatewayProcess, type GatewayProcess } from '../../support/gateway-process.ts';
import { openSession, ping } from '../../support/session.ts';
import { mountSmallDisk } from '../../support/small-disk.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

async function start(settings: GatewaySettings, wrap: readonly string[] = []) {
  const ground = await prepareGround(settings);
  onTestFinished(() => ground.drop());
  const gateway = await startGatewayProcess({}, ground, wrap);
  onTestFinished(() => gateway.stop());
  return { gateway, ada: await gateway.addUser('ada') };
}

async function logIn(gateway: GatewayProcess, { name, password }: TestUser): Promise<void> {
  const { client } = await openSession(gateway.clientConfig(name, password));
  expect(await ping(client)).toBe(1);
  await client.end();
}

async function metric(gateway: GatewayProcess, name: string): Promise<number> {
  const metrics = await (await fetch(`${gateway.info.metrics?.url ?? ''}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(metrics)?.[1]);
}

/** Where the outputs of the program that follows go. */
const outputs = (redirection: string): string[] => ['bash', '-c', `exec "$@" ${redirection}`, 'bash'];

describeWith('linux', 'a log that cannot be written', () => {
  it.each([
    ['a file on a full disk', { 'log.file': '/dev/full' }, []],
    ['a file on a full disk, with workers', { 'log.file': '/dev/full', workers: '2' }, []],
    ['both outputs on a full disk', {}, outputs('>/dev/full 2>&1')],
    ['both outputs on a full disk, with workers', { workers: '2' }, outputs('>/dev/full 2>&1')],
    ['pipes that nobody reads any more', {}, outputs('> >(:) 2> >(:)')],
  ])('ends nothing: %s', async (_what, settings, wrap) => {
    const { gateway, ada } = await start(settings, wrap);
    const running = await openSession(gateway.clientConfig(ada.name, ada.password));
    for (let n = 0; n < 5; n++) await logIn(gateway, ada);
    await gateway.reload();
    await logIn(gateway, ada);
    expect(await metric(gateway, 'patgate_log_failing')).toBe(1);
    expect(await metric(gateway, 'patgate_log_lines_lost_total')).toBe(0);
    expect(await ping(running.client)).toBe(1);
    await running.client.end();
    expect(await gateway.end('SIGTERM')).toBe(0);
  });

  it('tells of it where it can, with what was kept meanwhile', async () => {
    const file = path.join(await temporaryDirectory(), 'patgate.log');
    await symlink('/dev/full', file);
    const { gateway, ada } = await start({ 'log.file': file });
    await logIn(gateway, ada);
    await rm(file);
    await gateway.reload();
    await eventually(() =>
      expect(logged(file)).toContainEqual(
        expect.objectContaining({
          level: 'warn',
          msg: 'the log could not be written for a while',
          lost: 0,
          reason: expect.stringContaining('ENOSPC') as string,
        }),
      ),
    );
    expect(readFileSync(file, 'utf8')).toContain(ada.uid);
    expect(await metric(gateway, 'patgate_log_failing')).toBe(0);
  });
});

describeWith('mount', 'a disk that fills up under the log', () => {
  it('ends nothing; what was logged meanwhile is written once there is room', async () => {
    const disk = await mountSmallDisk(1);
    onTestFinished(() => disk.unmount());
    const file = path.join(disk.directory, 'patgate.log');
    const { gateway, ada } = await start({ 'log.file': file });
    await logIn(gateway, ada);
    await disk.fill();
    // The file's last page has room for some.
    await eventually(async () => {
      await logIn(gateway, ada);
      expect(await metric(gateway, 'patgate_log_failing')).toBe(1);
    });
    const grace = await gateway.addUser('grace');
    await logIn(gateway, grace);
    expect(readFileSync(file, 'utf8')).not.toContain(grace.uid);
    await disk.free();
    await eventually(async () => {
      await logIn(gateway, ada);
      expect(readFileSync(file, 'utf8')).toContain(grace.uid);
    });
    // No line is torn.
    expect(logged(file).filter(({ text }) => text !== undefined)).toEqual([]);
  });
});

function logged(file: string): readonly Record<string, unknown>[] {
  return parseLines(readFileSync(file, 'utf8'));
}
