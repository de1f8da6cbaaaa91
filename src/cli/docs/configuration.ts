import { ENGINE_KEYS, flagOf, variableOf } from '../../config/names.ts';
import { SECTIONS, type SectionName } from '../../config/setting.ts';
import { SETTING_NAMES, SETTINGS, type SettingName } from '../../config/settings.ts';

const INTRODUCTION = `<!-- Made by "npm run docs": change the source, not this page. -->

# Configuration

Every setting can be given in four places. The first that has it counts:

1. a flag: \`--listen-postgres 0.0.0.0:6432\`
2. an environment variable: \`PATGATE_LISTEN_POSTGRES=0.0.0.0:6432\` (an empty one counts as not set)
3. a TOML file, named by \`--config FILE\` or \`PATGATE_CONFIG\`: \`listen.postgres = "0.0.0.0:6432"\`
4. the default

Names follow from each other: dots and underscores become dashes in a flag, and underscores in a variable. Relative paths
start at the configuration file's folder, or else at the working directory.

A setting that may hold a secret has a companion that names a file: \`PATGATE_STORE_URL_FILE=/run/secrets/store\`,
\`store.url_file = "…"\`, \`--store-url-file FILE\`. The line break at the end of the file is left out. Secrets themselves are not taken
as flags, since other users of the machine could see them; a URL without a password is.

An unknown name, a bad value, a missing file or a contradiction stops the start with exit code 3 and one line for each. \`patgate check\`
tells without starting. Rules for tokens (lifetimes, inactivity, who may create them) are not configuration: see
\`patgate policy\`.

Durations are written \`500ms\`, \`60s\`, \`10min\`, \`24h\` or \`30d\`; lists with commas, or as an array in the file; switches as \`true\` or
\`false\`.
`;

const EXAMPLE = `## Example

\`\`\`toml
[listen]
postgres = "0.0.0.0:6432"
http = "0.0.0.0:8432"
public_address = "sql.example.com:6432"

[tls]
cert_file = "/etc/patgate/server.crt"
key_file = "/etc/patgate/server.key"

[store]
url = "postgres://patgate@store.internal/patgate?sslmode=verify-full&sslrootcert=/etc/patgate/internal-ca.crt"
password_file = "/run/secrets/store-password"

[engines.warehouse]
url = "postgres://gateway@warehouse.internal/dwh"
ca_file = "/etc/patgate/internal-ca.crt"
cert_file = "/etc/patgate/gateway.crt"
key_file = "/etc/patgate/gateway.key"
identity = "role"

[engines.lab]
url_file = "/run/secrets/lab-url"

[databases]
"*" = "warehouse"
sales = "warehouse/sales_prod"
lab = "lab/experiments"
\`\`\`
`;

/** Text that stands below a section's title, before its settings. */
const NOTES: Partial<Record<SectionName, string>> = {
  engine: `\`engine.url\` describes one engine, named \`main\`. Several engines have a table each, \`[engines.NAME]\`, with the same keys:
${[...ENGINE_KEYS].map(([key]) => `\`${key}\``).join(', ')}. NAME is lower-case letters, digits and underscores;
its variables are \`PATGATE_ENGINES_NAME_URL\` and so on, its flags \`--engines-NAME-url\`. Whatever \`engine.*\` says, but for URL and
password, holds for every engine whose own table does not say otherwise.

In \`engine.url\`, \`sslmode\`, \`sslrootcert\` (\`system\` for public authorities), \`sslcert\`, \`sslkey\`, \`sslnegotiation\`, \`channel_binding\`,
\`target_session_attrs\`, \`connect_timeout\` and several hosts mean what they mean to libpq.`,
  databases: `A target is the name of an engine, with the database there behind a slash; without one, the database has the name that was
asked for. In a variable or flag: \`*=main,sales=warehouse/sales_prod\`. With a single engine, \`*\` is that engine unless
said otherwise. The database of the SQL console can not be routed.`,
  console: `Behind this name is no engine: patgate itself answers there, with tokens, sessions and users. See [console.md](console.md).`,
};

/** The whole of docs/configuration.md, from the settings table. */
export function configurationPage(): string {
  const sections = Object.entries(SECTIONS) as readonly [SectionName, string][];
  return [INTRODUCTION, EXAMPLE, ...sections.map(([key, title]) => sectionText(key, title))].join('\n');
}

function sectionText(key: SectionName, title: string): string {
  const settings = SETTING_NAMES.filter((name) => SETTINGS[name].section === key).map(settingText);
  const note = NOTES[key];
  return [`## ${title}\n`, ...(note === undefined ? [] : [`${note}\n`]), ...settings].join('\n');
}

function settingText(name: SettingName): string {
  const { help, syntax, defaultText, isSecret, isReloadable } = SETTINGS[name];
  const facts = [
    `default: ${defaultText === null || defaultText === '' ? 'none' : `\`${defaultText}\``}`,
    `flag: \`--${flagOf(name)}${isSecret ? '-file FILE' : ` ${syntax}`}\``,
    `variable: \`${variableOf(name)}\`${isSecret ? ` or \`${variableOf(`${name}_file`)}\`` : ''}`,
  ];
  if (isReloadable) facts.push('taken over on SIGHUP');
  return `### \`${name}\`\n\n${help}\n\n${facts.map((fact) => `- ${fact}`).join('\n')}\n`;
}
