import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { fatal, GatewayError } from '../../../src/core/errors.ts';
import { createLog } from '../../../src/core/log.ts';
import { createSessionMetrics } from '../../../src/observe/session-metrics.ts';
import { admit } from '../../../src/session/admit.ts';
import { Deadlines } from '../../../src/session/deadline.ts';
import { createJournal } from '../../../src/session/journal.ts';
import { listen } from '../../../src/session/listener.ts';
import { PlaceCounts } from '../../../src/session/places.ts';
import { SessionRegistry } from '../../../src/session/registry.ts';
import { runSession, type SessionDeps } from '../../../src/session/run.ts';
import { BoundedHandshakes } from '../../../src/session/tls-hello.ts';
import { createTransports } from '../../../src/session/transports.ts';
import { Turns } from '../../../src/session/turns.ts';
import type { Audit } from '../../../src/store/audit.ts';
import type { Upstream } from '../../../src/upstream/open.ts';
import { encodeFrontend } from '../../../src/wire/frontend.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { queryOne } from '../../support/query.ts';
import { WireClient } from '../../support/wire-client.ts';
import { principal, upstreamOf } from '../upstream/support.ts';

let engine: TestDatabase;
let upstream: Upstream;
beforeAll(async () => {
  engine = await createDatabase('refused');
  await queryOne(engine.url, 'create table written (what text)');
  upstream = await upstreamOf({ url: `${engine.url}?sslmode=disable` });
});
afterAll(async () => {
  await upstream.close();
  await engine.drop();
});

const stopping = (): GatewayError =>
  new GatewayError('session.draining', 'stopping', fatal('57P03', 'the gateway is shutting down'));

test('a login that is refused when it has its engine session already gets no session', async () => {
  const log = createLog('silent');
  const [clock, registry, places] = [systemClock, new SessionRegistry(), new PlaceCounts()];
  const deadlines = new Deadlines(() => 60_000, clock);
  const audited: (string | null | undefined)[] = [];
  const audit: Pick<Audit, 'note'> = {
    note: ({ outcome, reason }) => void audited.push(outcome, reason),
  };
  const nothing = (): undefined => undefined;
  const stoppingTurns = new Turns(clock);
  stoppingTurns.take = () => {
    deadlines.refuseAll(stopping);
    return Promise.resolve();
  };
  const deps = {
    admit: (socket, { signal }, onClient) =>
      admit(socket, {
        ...{ tls: null, tlsMode: 'off', isProxy: () => false, firstByteTimeoutMs: 60_000, deadline: signal },
        ...{ makeTransport: createTransports(), turns: new Turns(clock), clock, log, onClient },
        boundedHandshakes: new BoundedHandshakes(clock),
      }),
    login: () => Promise.resolve({ kind: 'proved', principal: principal(), preface: Buffer.alloc(0) }),
    route: () => ({ engine: 'main', database: engine.name, name: engine.name }),
    // The gateway stops while this login waits for its turn.
    turns: stoppingTurns,
    limits: () => ({ max: 1, maxPerUser: 0, maxPerAddress: 0 }),
    notice: () => Promise.resolve(Buffer.alloc(0)),
    journal: createJournal({
      audit,
      refusals: audit,
      lastUsed: { note: nothing },
      directory: { opened: nothing, closed: nothing },
      metrics: createSessionMetrics(new Registry(), () => 0),
      ...{ clock, log },
    }),
    supervisor: { epoch: 0, watch: nothing, forget: nothing, endingOf: () => null },
    newDeadline: () => deadlines.start(),
    ...{ upstream, registry, places, clock, log },
  } as Partial<Omit<SessionDeps, 'supervisor'>> as SessionDeps;
  const listener = await listen({
    ...{ host: '127.0.0.1', port: 0, backlog: 16, clock, log },
    isProxy: () => false,
    hasRoom: () => true,
    refused: nothing,
    limits: () => ({ max: 100, maxPerAddress: 100 }),
    run: (socket, place) => runSession(socket, place, deps),
  });

  const client = await WireClient.connect({ port: listener.port });
  const insert = encodeFrontend({ kind: 'query', sql: "insert into written values ('refused')" });
  client.startup('ada', engine.name).send(insert);
  expect(await client.verdict()).toMatchObject({ ok: false, sqlState: '57P03' });
  expect(await client.rest()).toEqual([]);
  client.destroy();
  listener.stopAccepting();

  expect(audited).toEqual(['refused', 'session.draining']);
  expect(registry.size).toBe(0);
  // As it was, for whoever comes next.
  await expect.poll(() => upstream.stats()[0]).toMatchObject({ lent: 0, resetting: 0, idle: 1, opened: 1 });
  expect(await queryOne(engine.url, 'select count(*)::int from written')).toBe(0);
  places.take([{ key: 'sessions.max', limit: 1, refusal: '' }]);
});
