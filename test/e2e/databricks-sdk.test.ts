import { WorkspaceClient } from '@databricks/sdk-experimental';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isWellFormed } from '../../src/tokens/format.ts';
import { startWorld, type Person, type World } from '../unit/http/support/world.ts';

/** Databricks' own client, as scripts use it. */
function workspace(token: string): WorkspaceClient {
  return new WorkspaceClient({ host: world.url, token, authType: 'pat', retryTimeoutSeconds: 5 });
}

/** By Basic, as with a .netrc. */
function workspaceByBasic(username: string, password: string): WorkspaceClient {
  return new WorkspaceClient({ host: world.url, username, password, authType: 'basic' });
}

let world: World;
let admin: Person;
beforeAll(async () => {
  world = await startWorld('databrickssdk');
  admin = await world.person('root', 'admin');
});
afterAll(() => world.close());

async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('the Databricks SDK', () => {
  it('creates, lists and deletes tokens', async () => {
    const ada = await world.person('ada');
    const { tokens } = workspace(ada.session);
    const created = await tokens.create({ comment: 'sdk', lifetime_seconds: 3600 });
    expect(isWellFormed(created.token_value ?? '')).toBe(true);
    const own = workspace(created.token_value ?? '').tokens;
    expect(await collected(own.list())).toEqual([created.token_info]);
    await tokens.delete({ token_id: created.token_info?.token_id ?? '' });
    expect(await collected(tokens.list())).toEqual([]);
    await expect(collected(own.list())).rejects.toMatchObject({
      statusCode: 403,
      message: 'Invalid access token.',
    });
  });

  it('meets errors that it understands, and does not try again', async () => {
    const { tokens } = workspace((await world.person('ada')).session);
    await expect(tokens.delete({ token_id: 'unknown' })).rejects.toMatchObject({
      statusCode: 404,
      errorCode: 'RESOURCE_DOES_NOT_EXIST',
      message: 'No valid token with ID unknown found.',
    });
    await expect(tokens.create({ lifetime_seconds: 0 })).rejects.toMatchObject({
      statusCode: 400,
      errorCode: 'INVALID_PARAMETER_VALUE',
    });
    await world.withPolicy({ maxLiveTokensPerUser: 1 }, async () => {
      await tokens.create({});
      await expect(tokens.create({})).rejects.toMatchObject({ statusCode: 400, errorCode: 'QUOTA_EXCEEDED' });
    });
  });

  it('manages tokens, by creator’s id and name', async () => {
    const ada = await world.person('ada');
    const { token_info: info } = await workspace(ada.session).tokens.create({ comment: 'hers' });
    const { tokenManagement } = workspace(admin.session);
    const expected = [
      expect.objectContaining({ ...info, owner_id: ada.numericId, created_by_username: ada.name }),
    ];
    expect(await collected(tokenManagement.list({ created_by_id: ada.numericId }))).toEqual(expected);
    expect(await collected(tokenManagement.list({ created_by_username: ada.name }))).toEqual(expected);
    expect(await collected(tokenManagement.list({}))).toEqual(expect.arrayContaining(expected) as unknown[]);
    const id = { token_id: info?.token_id ?? '' };
    expect((await tokenManagement.get(id)).token_info).toEqual(expected[0]);
    await tokenManagement.delete(id);
    await expect(tokenManagement.get(id)).rejects.toMatchObject({ errorCode: 'RESOURCE_DOES_NOT_EXIST' });
  });

  it('makes tokens on behalf of service principals', async () => {
    const etl = await world.service('etl');
    const { tokenManagement } = workspace(admin.session);
    const { token_value: token, token_info: info } = await tokenManagement.createOboToken({
      application_id: etl.applicationId ?? '',
      comment: 'nightly',
      lifetime_seconds: 60,
    });
    expect(info).toMatchObject({
      comment: 'nightly',
      owner_id: etl.numericId,
      created_by_id: admin.numericId,
    });
    const me = await workspace(token ?? '').currentUser.me();
    expect(me).toMatchObject({ id: String(etl.numericId), userName: etl.name, active: true });
  });

  it('reads and replaces permissions', async () => {
    const ada = await world.person('ada');
    const { tokenManagement } = workspace(admin.session);
    const before = await tokenManagement.getPermissions();
    expect(before).toMatchObject({ object_id: '/authorization/tokens', object_type: 'tokens' });
    const set = await tokenManagement.setPermissions({
      access_control_list: [{ user_name: ada.name, permission_level: 'CAN_USE' }],
    });
    expect(set.access_control_list?.map((entry) => entry.user_name ?? entry.group_name)).toEqual([
      ada.name,
      'admins',
    ]);
    await tokenManagement.setPermissions({
      access_control_list: [{ group_name: 'users', permission_level: 'CAN_USE' }],
    });
    expect(await tokenManagement.getPermissions()).toEqual(before);
    const { permission_levels: levels } = await tokenManagement.getPermissionLevels();
    expect(levels?.map((level) => level.permission_level)).toContain('CAN_USE');
  });

  it('reads the workspace’s configuration; PATCH goes by plain HTTP', async () => {
    const { workspaceConf } = workspace(admin.session);
    const keys = 'enableTokensConfig,maxTokenLifetimeDays';
    expect(await workspaceConf.getStatus({ keys })).toEqual({
      enableTokensConfig: 'true',
      maxTokenLifetimeDays: '180',
    });
    const patch = (days: string) =>
      world.call('PATCH', '/api/2.0/workspace-conf', {
        as: admin.session,
        body: { maxTokenLifetimeDays: days },
      });
    expect((await patch('90')).status).toBe(200);
    expect(await workspaceConf.getStatus({ keys: 'maxTokenLifetimeDays' })).toEqual({
      maxTokenLifetimeDays: '90',
    });
    await patch('180');
  });

  it('comes by Basic', async () => {
    const ada = await world.person('ada');
    const { token } = await world.issue(ada);
    const me = await workspaceByBasic('token', token).currentUser.me();
    expect(me.userName).toBe(ada.name);
  });
});
