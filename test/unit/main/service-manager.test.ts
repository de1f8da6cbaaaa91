import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { createServiceManager, type ServiceManager } from '../../../src/main/life/service-manager.ts';
import { describeWith } from '../../support/clients.ts';
import { eventually } from '../../support/eventually.ts';
import { listenAsServiceManager } from '../../support/service-manager.ts';
import { silentLog } from '../../support/store.ts';
import { FakeClock } from '../upstream/fake-clock.ts';

const WAITS_MS = 3000;
const FED = 'WATCHDOG=1';

interface Watched {
  readonly clock: FakeClock;
  readonly manager: ServiceManager;
  /** What has arrived so far. */
  readonly told: () => readonly string[];
  /** All that the manager was told until now: what is said is said in order, so a word of ours comes last. */
  readonly heard: () => Promise<readonly string[]>;
}

describeWith('systemd-notify', 'a watchdog', ({ perl }) => {
  async function watch(
    healthy: () => Promise<boolean>,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Watched> {
    const ear = await listenAsServiceManager(perl);
    const clock = new FakeClock();
    const manager = createServiceManager({
      environment: {
        PATH: process.env['PATH'],
        NOTIFY_SOCKET: ear.socket,
        WATCHDOG_USEC: String(WAITS_MS * 1000),
        ...environment,
      },
      clock,
      log: silentLog,
    });
    onTestFinished(() => manager.close());
    manager.watch(healthy);
    let words = 0;
    return {
      clock,
      manager,
      told: () => ear.heard(),
      async heard() {
        // For what the gateway answers to whether it is healthy.
        await nextTurn();
        const word = `STATUS=word ${(words += 1)}`;
        manager.ready(word.slice('STATUS='.length));
        return eventually(() => {
          const lines = ear.heard();
          if (lines.at(-1) !== `READY=1 ${word}`) throw new Error(`not heard yet: ${word}`);
          return lines.filter((line) => !line.startsWith('READY=1'));
        });
      },
    };
  }

  it('is fed at once, and three times in the time that it waits', async () => {
    const { clock, heard } = await watch(() => Promise.resolve(true));
    expect(await heard()).toEqual([FED]);
    for (let thirds = 1; thirds <= 3; thirds += 1) {
      clock.advance(WAITS_MS / 3 - 1);
      expect(await heard()).toEqual(Array(thirds).fill(FED));
      clock.advance(1);
      expect(await heard()).toEqual(Array(thirds + 1).fill(FED));
    }
  });

  it('goes hungry for as long as the gateway is not healthy', async () => {
    let isHealthy = false;
    const { clock, heard } = await watch(() => Promise.resolve(isHealthy));
    for (let thirds = 1; thirds <= 3; thirds += 1) {
      clock.advance(WAITS_MS / 3);
      expect(await heard()).toEqual([FED]);
    }
    isHealthy = true;
    clock.advance(WAITS_MS / 3);
    expect(await heard()).toEqual([FED, FED]);
  });

  it('goes hungry while nothing answers whether the gateway is healthy', async () => {
    const { clock, heard } = await watch(() => new Promise(() => undefined));
    clock.advance(2 * WAITS_MS);
    expect(await heard()).toEqual([FED]);
  });

  it.each([
    ['none', { WATCHDOG_USEC: '' }, []],
    ['one for another process', { WATCHDOG_PID: String(process.ppid) }, []],
    ['one for this process', { WATCHDOG_PID: String(process.pid) }, [FED, FED]],
  ])('is fed by those alone who have one: %s', async (_whose, environment, fed) => {
    const { clock, heard } = await watch(() => Promise.resolve(true), environment);
    clock.advance(WAITS_MS / 3);
    expect(await heard()).toEqual(fed);
  });

  it('hears the last word before the end, and none after it', async () => {
    const { clock, manager, told } = await watch(() => Promise.resolve(true));
    manager.stopping('soon gone');
    await manager.close();
    const last = [FED, 'STOPPING=1 STATUS=soon gone'];
    expect(told()).toEqual(last);
    manager.ready('not any more');
    clock.advance(WAITS_MS);
    await manager.close();
    expect(told()).toEqual(last);
  });
});
