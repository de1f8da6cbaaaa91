import { describe, expect, test } from 'vitest';

import { ClientFollower, EngineFollower, RelayProgress } from '../../../src/session/relay-progress.ts';
import { message } from './relay-harness.ts';

interface Case {
  readonly what: string;
  /** `>QS` the client sends Query and Sync, `<CZ` the engine CommandComplete and ReadyForQuery; `Zt`, `Ze` with T and E. */
  readonly story: string;
  readonly settled: boolean;
  readonly clean: boolean;
}

const cases: readonly Case[] = [
  { what: 'nothing was sent', story: '', settled: true, clean: true },
  { what: 'a query waits', story: '>Q', settled: false, clean: false },
  { what: 'a query is answered but not ended', story: '>Q <TDC', settled: false, clean: false },
  { what: 'a query is done', story: '>Q <TDCZ', settled: true, clean: true },
  { what: 'a query began a transaction', story: '>Q <CZt', settled: true, clean: false },
  { what: 'a transaction failed', story: '>Q <CZt >Q <EZe', settled: true, clean: false },
  { what: 'a transaction is over', story: '>Q <CZt >Q <CZ', settled: true, clean: true },
  { what: 'one of two queries is done', story: '>QQ <CZ', settled: false, clean: false },
  { what: 'both queries are done', story: '>QQ <CZCZ', settled: true, clean: true },
  { what: 'a function call is done', story: '>F <VZ', settled: true, clean: true },
  { what: 'Parse without Sync', story: '>P', settled: false, clean: false },
  {
    what: 'Parse, Describe and Flush answered, without Sync',
    story: '>PDH <1tT',
    settled: false,
    clean: false,
  },
  { what: 'extended query', story: '>PBDES <12TDCZ', settled: true, clean: true },
  {
    what: 'the next Parse comes before ReadyForQuery',
    story: '>PBDES >P <12TDCZ',
    settled: false,
    clean: false,
  },
  {
    what: 'a pipeline of Syncs, all but one answered',
    story: '>PBES >BES >BES <12CZ2CZ',
    settled: false,
    clean: false,
  },
  { what: 'a pipeline of Syncs', story: '>PBES >BES >BES <12CZ2CZ2CZ', settled: true, clean: true },
  { what: 'COPY IN by query, under way', story: '>Q <G >dd', settled: false, clean: false },
  { what: 'COPY IN by query', story: '>Q <G >ddc <CZ', settled: true, clean: true },
  { what: 'COPY IN that the client gave up', story: '>Q <G >df <EZ', settled: true, clean: true },
  {
    what: 'COPY IN that the engine gave up, data still coming',
    story: '>Q <G >d <EZ >ddc',
    settled: true,
    clean: true,
  },
  { what: 'COPY OUT', story: '>Q <HddcCZ', settled: true, clean: true },
  {
    what: 'COPY IN by libpq’s extended query, whose first Sync is ignored',
    story: '>PBDES <12nG >ddcS <CZ',
    settled: true,
    clean: true,
  },
  {
    what: 'the same, CopyDone sent, before the second Sync',
    story: '>PBDES <12nG >ddc',
    settled: false,
    clean: false,
  },
  { what: 'COPY IN after Flush, with one Sync', story: '>PBEH <12G >dcS <CZ', settled: true, clean: true },
  {
    what: 'Sync in the middle of COPY IN is ignored',
    story: '>PBEH <12G >dSdcS <CZ',
    settled: true,
    clean: true,
  },
  {
    what: 'COPY IN failed, Sync without CopyDone',
    story: '>PBDES <12nG >d <E >S <Z',
    settled: true,
    clean: true,
  },
  {
    what: 'COPY IN failed while a Sync was under way: settled, but not to be trusted',
    story: '>PBDES <12nG >dS <EZ',
    settled: true,
    clean: false,
  },
  {
    what: 'all of a COPY IN before the engine asked for it',
    story: '>PBEdcS <12GCZ',
    settled: true,
    clean: false,
  },
  { what: 'a pipeline around COPY IN', story: '>PBESPBES <12G >dcS <CZ', settled: true, clean: false },
  { what: 'replication: both copy', story: '>Q <W >dd', settled: false, clean: false },
  { what: 'replication, ended', story: '>Q <W >dc <cCZ', settled: true, clean: false },
  { what: 'a message of no known type', story: '>y', settled: false, clean: false },
  {
    what: 'a message of no known type, and a query after it',
    story: '>y >Q <CZ',
    settled: true,
    clean: false,
  },
  { what: 'a password message', story: '>p >Q <CZ', settled: true, clean: false },
  { what: 'notices and notifications', story: '<NAS', settled: true, clean: true },
];

describe('where a session stands', () => {
  test.each(cases)('$what', ({ story, settled, clean }) => {
    const progress = play(story);
    expect({ settled: progress.settled, clean: progress.clean }).toEqual({ settled, clean });
  });

  test('ParameterStatus is noticed', () => {
    expect(play('>Q <CZ').parametersChanged).toBe(false);
    expect(play('>Q <SCZ').parametersChanged).toBe(true);
  });

  test.each([
    ['>Q', true],
    ['>PBE', false],
    ['>PBES', true],
    ['>Q <G', false],
    ['>Q <G >d', false],
    ['>Q <G >dc', true],
    ['>Q <CZ', false],
  ])('after %s the client expects an answer: %s', (story, awaits) => {
    expect(play(story).awaitsEngine).toBe(awaits);
  });
});

function play(story: string): RelayProgress {
  const progress = new RelayProgress();
  const client = new ClientFollower(progress);
  const engine = new EngineFollower(progress);
  for (const part of story.split(' ')) {
    if (part.startsWith('>')) for (const type of part.slice(1)) client.follow(message(type, 'body'));
    else for (const [type] of part.slice(1).matchAll(/Zt|Ze|./g)) engine.follow(answer(type));
  }
  return progress;
}

function answer(type: string): Buffer {
  if (!type.startsWith('Z')) return message(type, 'body');
  return message('Z', type === 'Zt' ? 'T' : type === 'Ze' ? 'E' : 'I');
}
