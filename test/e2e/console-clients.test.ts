import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemActor } from '../../src/accounts/actor.ts';
import { describeWith } from '../support/clients.ts';
import { startGateway, type TestGateway, type TestUser } from '../support/gateway.ts';

const CONSOLE = 'patgate';
const ROOT = systemActor('console clients test');

let gateway: TestGateway;
/** An ordinary user, one who manages all, and an administrator. */
let people: Record<'ada' | 'max' | 'root', TestUser>;

beforeAll(async () => {
  gateway = await startGateway();
  const [ada, max, root] = await Promise.all(['ada', 'max', 'root'].map((name) => gateway.addUser(name)));
  if (ada === undefined || max === undefined || root === undefined) throw new Error('a user is missing');
  people = { ada, max, root };
  await gateway.services.accounts.grant(ROOT, 'manage_all', { kind: 'user', name: 'max' });
  await gateway.services.accounts.grant(ROOT, 'admin', { kind: 'user', name: 'root' });
});
afterAll(() => gateway.stop());

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(
  program: string,
  args: readonly string[],
  { env = {}, input = '' }: { env?: Readonly<Record<string, string>>; input?: string } = {},
): Promise<Outcome> {
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', LC_ALL: 'C.UTF-8', ...env },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  child.stdin.on('error', () => undefined).end(input);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, ...output };
}

describeWith('psql', 'psql at the console', (psql) => {
  const ask = (who: keyof typeof people, ...commands: readonly string[]): Promise<Outcome> => {
    const { name, password } = people[who];
    const each = commands.flatMap((command) => ['-c', command]);
    return run(psql, ['-X', '-w', '-A', '-t', ...each, gateway.connectionString(name, password, CONSOLE)]);
  };

  test.each([
    ['ada', /privilege "manage all"/, /privilege "admin"/],
    ['max', /^$/, /privilege "admin"/],
    ['root', /^$/, /^$/],
  ] as const)('%s sees what the privileges allow', async (who, users, config) => {
    expect((await ask(who, 'SHOW USERS')).stderr).toMatch(users);
    expect((await ask(who, 'SHOW CONFIG')).stderr).toMatch(config);
  });

  test('creates a token, which logs in, and revokes it', async () => {
    const made = await ask('ada', "CREATE TOKEN 'psql' VALID FOR '1 day'");
    const [token = '', tid = ''] = made.stdout.split('|');
    expect(token).toMatch(/^pat_/);
    const url = gateway.connectionString('$token', token);
    expect((await run(psql, ['-X', '-w', '-A', '-t', '-c', 'select 1', url])).stdout).toBe('1\n');
    expect((await ask('ada', `REVOKE TOKEN '${tid}'`)).stdout).toBe('REVOKE 1\n');
    expect((await run(psql, ['-X', '-w', '-c', 'select 1', url])).code).toBe(2);
  });

  test.each([
    ['\\conninfo', /database "patgate" as user "ada"/],
    ['\\l', /^patgate\|/],
    ['\\d', /Did not find any relations/],
    ['\\dt *.*', /Did not find any/],
    ['\\dn+', /^$/],
    ['\\du', /^$/],
    ['\\df', /^$/],
    ['\\dx', /^$/],
    ['\\z', /^$/],
    ['\\d+ tokens', /Did not find any relation named "tokens"/],
    ['\\encoding', /UTF8/],
    ['\\timing', /Timing is on/],
  ])('%s', async (command, expected) => {
    const { code, stdout, stderr } = await ask('ada', command);
    expect(stderr + stdout).toMatch(expected);
    expect(stderr).not.toMatch(/ERROR/);
    expect([0, 1]).toContain(code);
  });

  test('runs a script up to its first error, and leaves with it', async () => {
    const input = "BEGIN;\nCREATE TOKEN 'scripted';\nCOMMIT;\nSELECT 1 / 0;\nSHOW VERSION;\n";
    const { name, password } = people.ada;
    const url = gateway.connectionString(name, password, CONSOLE);
    const { code, stdout, stderr } = await run(psql, ['-X', '-w', '-v', 'ON_ERROR_STOP=1', url], { input });
    expect(code).toBe(3);
    expect(stdout).toMatch(/scripted/);
    expect(stdout).not.toMatch(/patgate \d/);
    expect(stderr).toMatch(/does not support this expression/);
  });
});

/** What pgjdbc and DBeaver on top of it do at a connection; one line for each. */
const JAVA = `
import java.sql.*;
import java.util.*;

public class Console {
  interface Work { Object run() throws Exception; }
  static void say(String what, Work work) {
    try { System.out.println(what + ": " + work.run()); }
    catch (SQLException e) { System.out.println(what + ": " + e.getSQLState()); }
    catch (Exception e) { System.out.println(what + ": " + e); }
  }
  static int rows(ResultSet rs) throws SQLException { int n = 0; while (rs.next()) n++; return n; }

  public static void main(String[] args) throws Exception {
    String[] modes = {"prepareThreshold=5", "prepareThreshold=-1", "preferQueryMode=simple"};
    for (int i = 1; i < args.length; i += 2) {
      System.out.println("as " + args[i]);
      // What is left out for others does not depend on who it is.
      for (String mode : i == 1 ? modes : new String[] {modes[0]}) {
        try (Connection c = DriverManager.getConnection(args[0] + "&" + mode, args[i], args[i + 1])) {
          if (i == 1 && mode == modes[0]) { connect(c); browse(c); }
          work(c, mode);
        }
      }
    }
  }

  static void connect(Connection c) throws SQLException {
    DatabaseMetaData m = c.getMetaData();
    say("product", () -> m.getDatabaseProductName());
    say("user", () -> m.getUserName());
    say("keywords", () -> m.getSQLKeywords() != null);
    say("longest name", () -> m.getMaxTableNameLength());
    say("isolation", () -> c.getTransactionIsolation());
    say("schema", () -> c.getSchema());
    say("catalog", () -> c.getCatalog());
    say("valid", () -> c.isValid(5));
    say("application", () -> { c.setClientInfo("ApplicationName", "DBeaver"); return c.getClientInfo("ApplicationName"); });
    say("read only", () -> { c.setReadOnly(true); c.setReadOnly(false); return c.isReadOnly(); });
    try (PreparedStatement p = c.prepareStatement(
        "SELECT db.oid,db.* FROM pg_catalog.pg_database db WHERE 1 = 1 AND datallowconn AND NOT datistemplate OR db.datname =?")) {
      p.setString(1, "patgate");
      say("database", () -> { ResultSet rs = p.executeQuery(); rs.next(); return rs.getLong("oid") + " " + rs.getString("datname"); });
    }
    try (Statement s = c.createStatement()) {
      say("search path", () -> {
        ResultSet rs = s.executeQuery("SELECT reset_val FROM pg_settings WHERE name = 'search_path'");
        rs.next();
        return rs.getString(1);
      });
    }
  }

  static void browse(Connection c) throws SQLException {
    DatabaseMetaData m = c.getMetaData();
    say("catalogs", () -> rows(m.getCatalogs()));
    say("schemas", () -> rows(m.getSchemas()));
    say("tables", () -> rows(m.getTables(null, "public", "%", new String[] {"TABLE", "VIEW"})));
    say("columns", () -> rows(m.getColumns(null, null, "%", "%")));
    say("keys", () -> rows(m.getPrimaryKeys(null, null, "x")) + rows(m.getImportedKeys(null, null, "x")) + rows(m.getExportedKeys(null, null, "x")));
    say("index", () -> rows(m.getIndexInfo(null, null, "x", false, false)));
    say("types", () -> rows(m.getTypeInfo()) + rows(m.getUDTs(null, null, "%", null)));
    say("procedures", () -> rows(m.getProcedures(null, null, "%")) + rows(m.getFunctions(null, null, "%")) + rows(m.getFunctionColumns(null, null, "%", "%")));
    say("table privileges", () -> rows(m.getTablePrivileges(null, null, "%")));
    try (Statement s = c.createStatement()) {
      say("namespaces", () -> rows(s.executeQuery("SELECT n.oid,n.*,d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=n.oid AND d.objsubid=0 AND d.classoid='pg_namespace'::regclass ORDER BY nspname")));
      say("data types", () -> rows(s.executeQuery("SELECT t.oid,t.*,c.relkind,format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description FROM pg_catalog.pg_type t LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid=t.typelem LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid=t.typrelid LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid=d.objoid WHERE t.typname IS NOT NULL AND (c.relkind IS NULL OR c.relkind = 'c')")));
    }
  }

  static void work(Connection c, String mode) throws SQLException {
    c.setAutoCommit(false);
    List<String> tids = new ArrayList<>();
    try (PreparedStatement p = c.prepareStatement("CREATE TOKEN ? VALID FOR ?")) {
      for (int i = 0; i < 3; i++) {
        p.setString(1, "jdbc"); p.setString(2, "1 day");
        say(mode + " created", () -> {
          ResultSet rs = p.executeQuery();
          rs.next();
          tids.add(rs.getObject("tid", UUID.class).toString());
          long hours = Math.round((rs.getTimestamp("expires_at").getTime() - System.currentTimeMillis()) / 3600000.0);
          return rs.getString("token").length() + " letters, " + hours + " hours";
        });
      }
    }
    c.commit();
    try (Statement s = c.createStatement()) {
      s.setFetchSize(2);
      say(mode + " by twos", () -> {
        ResultSet rs = s.executeQuery("SHOW MY TOKENS");
        int n = 0;
        while (rs.next()) { n++; rs.getTimestamp("created_at"); rs.getArray("scopes").getArray(); rs.getLong("max_sessions"); }
        return n >= 3;
      });
      say(mode + " error", () -> s.executeUpdate("REVOKE TOKEN 'nonsense'"));
      say(mode + " aborted", () -> rows(s.executeQuery("SELECT 1")));
      c.rollback();
      say(mode + " after rollback", () -> rows(s.executeQuery("SELECT 1")));
      say(mode + " users", () -> rows(s.executeQuery("SHOW USERS")) > 0);
      c.rollback();
      say(mode + " config", () -> rows(s.executeQuery("SHOW CONFIG")) > 0);
      c.rollback();
    }
    try (PreparedStatement p = c.prepareStatement("REVOKE TOKEN ? REASON ?")) {
      for (String tid : tids) { p.setString(1, tid); p.setString(2, "done"); p.addBatch(); }
      say(mode + " batch", () -> Arrays.toString(p.executeBatch()));
    }
    c.commit();
    c.setAutoCommit(true);
    say(mode + " copy", () -> ((org.postgresql.PGConnection) c).getCopyAPI().copyIn("COPY tokens FROM STDIN"));
    try (PreparedStatement p = c.prepareStatement("SHOW SESSIONS FOR USER ?")) {
      p.setString(1, c.getMetaData().getUserName());
      say(mode + " sessions", () -> rows(p.executeQuery()) > 0);
    }
  }
}
`;

describeWith('jdbc', 'pgjdbc at the console', ({ java, jar }) => {
  const CONNECTED = [
    'product: PostgreSQL',
    'user: ada',
    'keywords: true',
    'longest name: 63',
    'isolation: 2',
    'schema: public',
    'catalog: patgate',
    'valid: true',
    'application: DBeaver',
    'read only: false',
    'database: 1 patgate',
    'search path: "$user", public',
    'catalogs: 1',
    ...['schemas', 'tables', 'columns', 'keys', 'index', 'types', 'procedures', 'table privileges'].map(
      (what) => `${what}: 0`,
    ),
    'namespaces: 0',
    'data types: 0',
  ];
  const worked = (mode: string, users: string, config: string): string[] =>
    [
      ...Array.from({ length: 3 }, () => 'created: 53 letters, 24 hours'),
      'by twos: true',
      'error: 42704',
      'aborted: 25P02',
      'after rollback: 1',
      `users: ${users}`,
      `config: ${config}`,
      'batch: [1, 1, 1]',
      'copy: 0A000',
      'sessions: true',
    ].map((line) => `${mode} ${line}`);

  test('connects, browses and works, as each person may', async () => {
    const file = path.join(gateway.dataDir, 'Console.java');
    writeFileSync(file, JAVA);
    const credentials = Object.values(people).flatMap(({ name, password }) => [name, password]);
    const url = `jdbc:postgresql://localhost:${gateway.port}/${CONSOLE}?sslmode=verify-full&sslrootcert=${gateway.caFile}`;
    const { stdout, stderr } = await run(java, ['-cp', jar, file, url, ...credentials]);
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n')).toEqual([
      'as ada',
      ...CONNECTED,
      ...worked('prepareThreshold=5', '42501', '42501'),
      ...worked('prepareThreshold=-1', '42501', '42501'),
      ...worked('preferQueryMode=simple', '42501', '42501'),
      'as max',
      ...worked('prepareThreshold=5', 'true', '42501'),
      'as root',
      ...worked('prepareThreshold=5', 'true', 'true'),
    ]);
  });
});

describeWith('odbc', 'psqlodbc at the console', ({ driver }) => {
  const ask = async (who: keyof typeof people, driverFile: string, statements: string): Promise<string> => {
    const { name, password } = people[who];
    const directory = gateway.dataDir;
    writeFileSync(path.join(directory, 'odbcinst.ini'), `[PG]\nDriver=${driverFile}\n`);
    const settings = {
      Driver: 'PG',
      Servername: 'localhost',
      Port: String(gateway.port),
      Database: CONSOLE,
      SSLmode: 'verify-full',
      pqopt: `sslrootcert=${gateway.caFile}`,
    };
    const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
    writeFileSync(path.join(directory, 'odbc.ini'), `[console]\n${lines.join('\n')}\n`);
    const env = { ODBCSYSINI: directory, ODBCINI: path.join(directory, 'odbc.ini') };
    const { stdout, stderr } = await run('isql', ['-v', '-b', 'console', name, password, '-d|'], {
      env,
      input: statements,
    });
    return stdout + stderr;
  };

  test.each([
    ['ada', /42501.*manage all/, /42501.*admin/],
    ['max', /\|max\|/, /42501.*admin/],
    ['root', /\|root\|/, /login\.timeout\|60s/],
  ] as const)('works as %s', async (who, users, config) => {
    for (const file of [driver, driver.replace('psqlodbcw', 'psqlodbca')]) {
      const made = await ask(who, file, "SHOW VERSION\nCREATE TOKEN 'odbc'\nnonsense\nSELECT 1\n");
      expect(made).toMatch(/^patgate \d/);
      expect(made).toMatch(/pat_[0-9A-Za-z]{49}\|/);
      expect(made).toMatch(/\[42601\]ERROR: syntax error at or near "nonsense"/);
      expect(made).toMatch(/\n1\n/);
      expect(await ask(who, file, 'SHOW USERS\n')).toMatch(users);
      expect(await ask(who, file, 'SHOW CONFIG\n')).toMatch(config);
    }
  });
});

describe('the clients’ work', () => {
  test('left no secret in the log', () => {
    const log = JSON.stringify(gateway.logged());
    expect(log).toContain('session ended');
    expect(log).not.toMatch(/pat_[0-9A-Za-z]{49}/);
    for (const { password } of Object.values(people)) expect(log).not.toContain(password);
  });
});
