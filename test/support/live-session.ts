import { randomUUID } from 'node:crypto';
import type { LiveSession } from '../../src/store/live-sessions.ts';

/** A session as the list has it, of a user of its own. */
export function liveSession(more: Partial<LiveSession> = {}): LiveSession {
  return {
    sid: randomUUID(),
    uid: randomUUID(),
    user: 'ada',
    tid: null,
    label: null,
    mechanism: 'scram-sha-256',
    engine: 'main',
    database: 'demo',
    role: 'demo',
    engineProcessId: 4711,
    address: '192.0.2.7',
    application: 'psql',
    tls: 'TLSv1.3',
    startedAt: new Date(),
    ...more,
  };
}
