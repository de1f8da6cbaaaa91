import { afterAll, beforeAll, expect, it } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import { systemActor } from '../../../src/accounts/actor.ts';
import { createHttpApp } from '../../../src/http/app.ts';
import { Registry } from 'prom-client';
import type { Answer } from './support/client.ts';
import { Transcript } from './support/transcript.ts';
import { startWorld, type World } from './support/world.ts';

const PASSWORD = 'correct horse battery staple';
const ROOT = systemActor('examples');

let world: World;
beforeAll(async () => {
  world = await startWorld('examples');
});
afterAll(() => world.close());

const INTRODUCTION = `<!-- Made by test/unit/http/api-examples.test.ts, which runs all of it (vitest -u writes it anew). -->

# Examples of every call

Each request was sent, in this order, to a gateway with an administrator \`root\` and a user \`ada\`; below it is what came back, with
ids, times and secrets replaced. [api.md](api.md) says what the calls mean.
`;

it('are what was answered, for every call that there is', async () => {
  const t = new Transcript(world.call, INTRODUCTION);
  const { accounts } = world.deps;
  await accounts.bootstrapAdmin('root', new Secret(PASSWORD));
  const ada = await accounts.addUser(ROOT, {
    name: 'ada',
    email: 'ada@example.com',
    password: new Secret(PASSWORD),
  });
  const etl = await accounts.addUser(ROOT, { name: 'etl', kind: 'service' });
  const field = (answer: Answer, name: string) => String((answer.json() as Record<string, unknown>)[name]);
  const infoOf = (answer: Answer) => (answer.json() as { info: { tid: string } }).info;

  t.section('patgate: sign in');
  const signedIn = await t.call('POST /api/v1/session', { body: { name: 'ada', password: PASSWORD } });
  const as = field(signedIn, 'token');
  const root = field(
    await world.call('POST', '/api/v1/session', { body: { name: 'root', password: PASSWORD } }),
    'token',
  );
  await t.call('GET /api/v1/me', { as });

  t.section('patgate: tokens');
  const key = { 'idempotency-key': 'laptop-1' };
  const made = await t.call('POST /api/v1/tokens', {
    as,
    headers: key,
    body: { label: 'laptop', lifetime: '30 days', databases: ['sales'], networks: ['10.0.0.0/8'] },
  });
  const { tid } = infoOf(made);
  await t.call('GET /api/v1/tokens?state=live&limit=10', { as });
  await t.call(`GET /api/v1/tokens/${tid}`, { as });
  await t.call(`PATCH /api/v1/tokens/${tid}`, { as, body: { label: 'old laptop' } });
  const rotated = infoOf(await t.call(`POST /api/v1/tokens/${tid}/rotate`, { as, body: { overlap: '1h' } }));
  await t.call('GET /api/v1/tokens.csv?state=live', { as });
  await t.call(`DELETE /api/v1/tokens/${tid}?reason=sold`, { as });
  await t.call('POST /api/v1/tokens/revoke', { as, body: { tids: [rotated.tid], reason: 'lost' } });
  const leaked = await world.issue(ada);
  await t.call('POST /api/v1/leaked-tokens', { body: { token: leaked.token } });
  await world.issue(ada);
  await t.call(`DELETE /api/v1/users/${ada.uid}/tokens`, { as });

  t.section('patgate: users, groups and privileges');
  const bob = await t.call('POST /api/v1/users', {
    as: root,
    body: { name: 'bob', email: 'bob@example.com' },
  });
  const uid = field(bob, 'uid');
  await t.call('GET /api/v1/users?search=bob', { as: root });
  await t.call(`GET /api/v1/users/${uid}`, { as: root });
  await t.call(`PATCH /api/v1/users/${uid}`, { as: root, body: { engineRole: 'analyst' } });
  await t.call(`PUT /api/v1/users/${uid}/password`, { as: root, body: { password: PASSWORD } });
  await t.call('POST /api/v1/groups', { as: root, body: { name: 'analysts' } });
  await t.call('PUT /api/v1/groups/analysts/members/bob', { as: root });
  await t.call('GET /api/v1/groups', { as: root });
  const grant = { privilege: 'manage_all', grantee: { kind: 'group', name: 'analysts' } };
  await t.call('POST /api/v1/privileges/grant', { as: root, body: grant });
  await t.call('GET /api/v1/privileges?privilege=manage_all', { as: root });
  await t.call('POST /api/v1/privileges/ungrant', { as: root, body: grant });
  await t.call('PUT /api/v1/privileges/manage_all', {
    as: root,
    body: { grantees: [{ kind: 'user', name: 'bob' }] },
  });
  await t.call('DELETE /api/v1/groups/analysts/members/bob', { as: root });
  await t.call('DELETE /api/v1/groups/analysts', { as: root });
  await t.call(`POST /api/v1/users/${uid}/disable`, { as: root });
  await t.call(`POST /api/v1/users/${uid}/enable`, { as: root });
  await t.call(`DELETE /api/v1/users/${uid}`, { as: root });

  t.section('patgate: policy, sessions and audit');
  await t.call('GET /api/v1/policy', { as });
  await t.call('PATCH /api/v1/policy', { as: root, body: { expiryNoticeDays: 14 } });
  await t.call('GET /api/v1/policy/history?limit=1', { as: root });
  const [sid, other] = ['6b1f0f58-7a56-4f0e-9d4e-0f6f6a3a1a01', '6b1f0f58-7a56-4f0e-9d4e-0f6f6a3a1a02'];
  for (const one of [sid, other]) await world.openSession({ sid: one, uid: ada.uid, user: 'ada' });
  await t.call('GET /api/v1/sessions?limit=1', { as });
  await t.call(`DELETE /api/v1/sessions/${sid}?reason=maintenance`, { as: root });
  await t.call('POST /api/v1/sessions/kill', {
    as: root,
    body: { sids: [sid, other], reason: 'maintenance' },
  });
  await t.call('GET /api/v1/audit?action=policy.set&limit=1', { as: root });
  await t.call('GET /api/v1/audit/verify', { as: root });
  await t.call('DELETE /api/v1/session', {
    as: field(
      await world.call('POST', '/api/v1/session', { body: { name: 'ada', password: PASSWORD } }),
      'token',
    ),
  });

  t.section('Dremio Cloud');
  await t.call(`POST /v0/user/${ada.uid}/token`, {
    as,
    body: { label: 'cloud', millisecondsToExpire: '86400000' },
  });
  const cloud = await t.call(`GET /v0/user/${ada.uid}/token`, { as });
  const [first] = (cloud.json() as { data: { tid: string }[] }).data;
  await t.call(`DELETE /v0/user/${ada.uid}/token/${first?.tid ?? ''}`, { as });
  await t.call(`DELETE /v0/user/${ada.uid}/token`, { as });

  t.section('Dremio Software');
  const login = await t.call('POST /apiv2/login', { body: { userName: 'ada', password: PASSWORD } });
  await t.call('GET /api/v3/user/by-name/ada', {
    headers: { authorization: `_dremio${field(login, 'token')}` },
  });
  const pat = (await t.call(`POST /api/v3/user/${ada.uid}/token`, { as, body: { label: 'software' } })).text;
  await t.call(`GET /api/v3/user/${ada.uid}/token`, { as });
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: pat,
    subject_token_type: 'urn:ietf:params:oauth:token-type:dremio:personal-access-token',
    scope: 'dremio.all',
  });
  await t.call('POST /oauth/token', {
    body: form.toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  const { tid: software } = await world.issue(ada, { label: 'another' });
  await t.call(`DELETE /api/v3/user/ada/token/${software}`, { as });
  await t.call(`DELETE /api/v3/user/${ada.uid}/token`, { as });
  await t.call('DELETE /api/v3/token', { as });
  const setting = '/apiv2/settings/auth.personal-access-token.max_lifetime_days';
  await t.call(`GET ${setting}`, { as: root });
  await t.call(`PUT ${setting}`, { as: root, body: { type: 'INTEGER', value: 90 } });
  await t.call(`DELETE ${setting}`, { as: root });
  await t.call('DELETE /apiv2/login', { as: field(login, 'token') });

  t.section('Databricks');
  const created = await t.call('POST /api/2.0/token/create', {
    as,
    body: { comment: 'ci', lifetime_seconds: 3600 },
  });
  const { token_id: id } = (created.json() as { token_info: { token_id: string } }).token_info;
  await t.call('GET /api/2.0/token/list', { as });
  await t.call(`PATCH /api/2.0/token/${id}`, {
    as,
    body: { token: { comment: 'ci 2' }, update_mask: 'comment' },
  });
  await t.call('GET /api/2.0/token-management/tokens?created_by_username=ada', { as: root });
  await t.call(`GET /api/2.0/token-management/tokens/${id}`, { as: root });
  await t.call(`PATCH /api/2.0/token-management/tokens/${id}`, {
    as: root,
    body: { token: { comment: 'ci 3' } },
  });
  await t.call('POST /api/2.0/token/delete', { as, body: { token_id: id } });
  const obo = await t.call('POST /api/2.0/token-management/on-behalf-of/tokens', {
    as: root,
    body: { application_id: etl.applicationId, comment: 'nightly', lifetime_seconds: 86400 },
  });
  const { token_id: oboId } = (obo.json() as { token_info: { token_id: string } }).token_info;
  await t.call(`DELETE /api/2.0/token-management/tokens/${oboId}`, { as: root });
  const permissions = '/api/2.0/permissions/authorization/tokens';
  const may = (name: string) => ({ access_control_list: [{ user_name: name, permission_level: 'CAN_USE' }] });
  await t.call(`GET ${permissions}/permissionLevels`, { as: root });
  await t.call(`PUT ${permissions}`, { as: root, body: may('ada') });
  await t.call(`PATCH ${permissions}`, { as: root, body: may('etl') });
  await t.call(`GET ${permissions}`, { as: root });
  await accounts.grant(ROOT, 'can_use', { kind: 'everyone' });
  await t.call('PATCH /api/2.0/workspace-conf', { as: root, body: { maxTokenLifetimeDays: '90' } });
  await t.call('GET /api/2.0/workspace-conf?keys=enableTokensConfig,maxTokenLifetimeDays', { as: root });
  await t.call('GET /api/2.0/preview/scim/v2/Me', { as });

  t.section('DataHub');
  const graphql = (query: string) => t.call('POST /api/graphql', { as: root, body: { query } });
  const input = '{type: PERSONAL, actorUrn: "urn:li:corpuser:ada", duration: ONE_MONTH, name: "dashboards"}';
  const answer = await graphql(
    `mutation { createAccessToken(input: ${input}) { accessToken metadata { id name actorUrn ownerUrn expiresAt } } }`,
  );
  const { accessToken, metadata } = (
    answer.json() as { data: { createAccessToken: { accessToken: string; metadata: { id: string } } } }
  ).data.createAccessToken;
  const filter = '{start: 0, count: 10, filters: [{field: "actorUrn", value: "urn:li:corpuser:ada"}]}';
  await graphql(
    `query { listAccessTokens(input: ${filter}) { start count total tokens { urn name expiresAt } } }`,
  );
  await graphql(`query { getAccessTokenMetadata(token: "${accessToken}") { id name ownerUrn } }`);
  await t.call('POST /api/v2/graphql', {
    as: root,
    body: { query: `mutation { revokeAccessToken(tokenId: "${metadata.id}") }` },
  });

  t.section('Health');
  await t.call('GET /healthz');
  await t.call('GET /readyz');

  await expect(t.page()).toMatchFileSnapshot('../../../docs/api-examples.md');

  const app = createHttpApp({ ...world.deps, registry: new Registry() });
  const isApi = /^\/(?:api|apiv2|v0|oauth|healthz|readyz)/;
  const missing = app.routes
    .filter(({ method, path }) => method !== 'ALL' && isApi.test(path))
    .filter(({ method, path }) => !t.hasCalled(method, path))
    .map(({ method, path }) => `${method} ${path}`);
  expect([...new Set(missing)]).toEqual([]);
});
