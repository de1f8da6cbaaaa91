// Does with what `npm start` prints what a newcomer would do: paste it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROWS = '60000';
const JAR = '/usr/share/java/postgresql.jar';
const JAVA = `
import java.sql.*;

public class Paste {
  public static void main(String[] args) throws Exception {
    try (Connection connection = DriverManager.getConnection(args[0]);
        ResultSet result = connection.createStatement().executeQuery("SELECT count(*) FROM orders")) {
      result.next();
      System.out.println(result.getString(1));
    }
  }
}`;

/**
 * Runs each line that `text` has for psql, JDBC and ODBC; those two only where their clients are installed.
 * @param env of the programs
 * @returns how many
 */
export function pasteRecipes(text, env) {
  const lines = text.split('\n').map((line) => line.trim());
  const psql = lines.filter((line) => / ?psql '/.test(line));
  for (const line of psql) paste('sh', ['-c', line], env);
  const jdbc = lines.filter((line) => line.startsWith('jdbc:') && existsSync(JAR));
  for (const url of jdbc) pasteUrl(url, env);
  const odbc = lines.filter((line) => line.startsWith('Driver=') && existsSync('/usr/bin/isql'));
  for (const line of odbc) paste('isql', ['-b', '-v', '-k', line], env, 'SELECT count(*) FROM orders\n');
  if (psql.length < 3 || jdbc.length + odbc.length > 2) throw new Error(`unexpected recipes:\n${text}`);
  return psql.length + jdbc.length + odbc.length;
}

function pasteUrl(url, env) {
  const directory = mkdtempSync(join(tmpdir(), 'patgate-smoke-'));
  try {
    const file = join(directory, 'Paste.java');
    writeFileSync(file, JAVA);
    paste('java', ['-XX:TieredStopAtLevel=1', '-cp', JAR, file, url], env);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function paste(program, args, env, input = '') {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env, input });
  if (status !== 0 || !stdout.includes(ROWS)) {
    throw new Error(`a printed recipe fails: ${program} ${args.join(' ')}\n${stdout}${stderr}`);
  }
}
