/** Every statement of the console, with what it does. docs/console.md has an example of each. */
export const HELP = [
  ['SHOW [MY|ALL] TOKENS [FOR USER name]', 'tokens that you may see, newest first'],
  [
    "CREATE TOKEN 'label' [FOR USER name] [VALID FOR '30 days'] [DESCRIPTION '…'] [ROLE name] [DATABASES (name, …)] [NETWORKS ('cidr', …)] [MAX SESSIONS n] [SCOPES (name, …)]",
    'a new token: its secret is in this answer, and nowhere else',
  ],
  ["ROTATE TOKEN 'tid' [OVERLAP '24 hours'] [VALID FOR '30 days']", 'a new secret with the same limits'],
  ["REVOKE TOKEN 'tid', … [REASON '…']", 'ends tokens, and every session opened with one of them'],
  [
    "REVOKE ALL TOKENS [FOR USER name] [REASON '…']",
    'the same for all of somebody’s tokens; your own when nobody is named',
  ],
  ['SHOW [MY|ALL] SESSIONS [FOR USER name]', 'sessions that run now and that you may see'],
  ["KILL SESSION 'sid', … [REASON '…']", 'ends sessions'],
  [
    "EXPLAIN LOGIN [USER name] [DATABASE name] [FROM 'address'] [TOKEN 'tid']",
    'what a login would meet, rule by rule; tests no secret',
  ],
  ['SHOW USERS', 'users, by name (privilege "manage all")'],
  ['SHOW POOLS', 'engine sessions of this process (privilege "manage all")'],
  ['SHOW STATS', 'figures of this process (privilege "manage all")'],
  ['SHOW CONFIG', 'settings of this process (privilege "admin")'],
  ['SHOW VERSION', 'the version of patgate'],
  ['SHOW HELP', 'this list'],
] as const;
