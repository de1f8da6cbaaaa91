import { expect, test } from 'vitest';

import { leaveNothingBehind, message, READY, startSession, TERMINATE } from './relay-harness.ts';

leaveNothingBehind();

test('passes a query and its answer on, and Terminate not', async () => {
  const session = await startSession();
  const query = message('Q', 'select 1\0');
  session.client.write(query);
  expect(await session.toEngine.until(query.length)).toEqual(query);
  expect(session.relay.state).toBe('busy');
  const answer = Buffer.concat([message('C', 'SELECT 1\0'), READY]);
  session.engine.write(answer);
  expect(await session.toClient.until(answer.length)).toEqual(answer);
  expect(session.relay.state).toBe('idle');
  session.client.write(TERMINATE);
  const end = await session.relay.ended;
  expect(end).toMatchObject({ closedBy: 'client', cause: 'terminate', engineReusable: true });
  session.client.end();
  session.engineTransport.end();
  session.engineTransport.resume();
  session.engine.end();
});
