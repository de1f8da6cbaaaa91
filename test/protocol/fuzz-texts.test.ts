import { describe, expect, test } from 'vitest';
import { SqlError } from '../../src/console/sql-error.ts';
import { parseScript } from '../../src/console/sql/parse.ts';
import { GatewayError, RequestError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { parseAuthorization } from '../../src/http/auth/header.ts';
import { isDeeperThan, parseJson } from '../../src/http/json.ts';
import { localPath } from '../../src/http/web/local-path.ts';
import { parseBearer } from '../../src/login/bearer-message.ts';
import { parseClientFinal, parseClientFirst } from '../../src/scram/client-messages.ts';
import { ScramError } from '../../src/scram/errors.ts';
import { parseServerFinal, parseServerFirst } from '../../src/scram/server-messages.ts';
import { parseVerifier } from '../../src/scram/verifier.ts';
import { parseConnectionUrl } from '../../src/upstream/connection-url.ts';
import { parseUserlist } from '../../src/upstream/userlist.ts';
import { decodeCursor, encodeCursor } from '../../src/tokens/cursor.ts';
import { FrameFollower, VERDICT, type Verdict } from '../../src/wire/frame-follower.ts';
import { FUZZ_RUNS, FUZZ_SEED, mutated, randomNumbers } from './mutate.ts';
import { password, text, typed } from './packets.ts';

const KEY = Buffer.alloc(32, 7).toString('base64');
const TID = '00000000-0000-4000-8000-000000000000';
const SALT = Buffer.alloc(16, 7).toString('base64');

interface Reader {
  readonly corpus: readonly string[];
  readonly read: (bytes: Buffer) => unknown;
  /** Errors that are meant for whoever sent it. */
  readonly refusal: abstract new (...args: never) => Error;
}

/** What reads text from strangers or from operators: it gives something or refuses in its own words, and never hangs. */
const READERS: Readonly<Record<string, Reader>> = {
  'SCRAM client-first': {
    corpus: ['n,,n=,r=rOprNGfwEbeRWgbNEkqO', 'y,a=ada,n=a=2Cb,r=x', 'p=tls-server-end-point,,n=,r=x'],
    read: parseClientFirst,
    refusal: ScramError,
  },
  'SCRAM client-final': {
    corpus: [`c=biws,r=rOprNGfwEbeRWgbNEkqO,p=${KEY}`, `c=biws,r=x,e=1,p=${KEY}`],
    read: parseClientFinal,
    refusal: ScramError,
  },
  'SCRAM server-first': {
    corpus: [`r=rOprNGfwEbeRWgbNEkqO,s=${SALT},i=4096`, `r=x,s=${SALT},i=1,x=y`],
    read: parseServerFirst,
    refusal: ScramError,
  },
  'SCRAM server-final': {
    corpus: [`v=${KEY}`, 'e=other-error'],
    read: parseServerFinal,
    refusal: ScramError,
  },
  'stored verifier': {
    corpus: [`SCRAM-SHA-256$4096:${SALT}$${KEY}:${KEY}`],
    read(bytes) {
      const verifier = parseVerifier(bytes.toString());
      if (verifier === null) throw new RequestError('request.invalid', 'no verifier');
      return verifier;
    },
    refusal: RequestError,
  },
  'bearer token': {
    corpus: [
      'n,,\u0001auth=Bearer abc.def.ghi\u0001\u0001',
      'n,,\u0001auth=\u0001\u0001',
      'y,,\u0001host=x\u0001auth=Bearer x\u0001\u0001',
    ],
    read: (bytes) => parseBearer(bytes) ?? 'none',
    refusal: GatewayError,
  },
  userlist: {
    corpus: [
      `"ada" "secret"\n; note\n"bob" "SCRAM-SHA-256-KEYS$4096:${SALT}$${KEY}:${KEY}"\n`,
      '"a""b" "c""d"\r\n"e" ""\n"f" "md50123456789abcdef0123456789abcdef"\n',
    ],
    read: (bytes) => parseUserlist(bytes.toString(), 'list'),
    refusal: RequestError,
  },
  'connection URL': {
    corpus: [
      'postgres://ada:s%2Fx@one:5432,two/db?sslmode=require&connect_timeout=3',
      'postgresql://%2Ftmp/db?target_session_attrs=read-write&channel_binding=require',
    ],
    read: (bytes) => parseConnectionUrl(new Secret(bytes.toString()), 'url'),
    refusal: RequestError,
  },
  'request body': {
    corpus: ['{"label":"a","databases":["x"],"lifetimeMs":1e9}', '[[[[]]]]', '{"__proto__":{"a":1}}'],
    read: (bytes) => {
      const json = bytes.toString();
      const value = parseJson(json, 16);
      expect(isDeeperThan(json, 16)).toBe(false);
      return value ?? 'null';
    },
    refusal: Error,
  },
  'Authorization header': {
    corpus: [
      'Bearer pat_abc.def~+/=',
      '_dremiopat_abc',
      `Basic ${Buffer.from('ada:s:x').toString('base64')}`,
    ],
    read: (bytes) => {
      const presented = parseAuthorization(bytes.toString('latin1'));
      if (presented.kind === 'malformed') throw new RequestError('request.invalid', 'malformed');
      return presented;
    },
    refusal: RequestError,
  },
  cursor: {
    corpus: [
      encodeCursor({ sort: 'createdAt', direction: 'asc', key: '2026-01-01T00:00:00.000Z', tid: TID }),
      encodeCursor({ sort: 'createdAt', direction: 'asc', key: 'infinity', tid: TID }),
    ],
    read: (bytes) => decodeCursor(bytes.toString('latin1'), 'createdAt', 'asc'),
    refusal: RequestError,
  },
  'path to come back to': {
    corpus: ['/tokens?search=a#b', '/a/../b//c', '//example.com', '/\\example.com'],
    read: (bytes) => {
      const path = localPath(bytes.toString(), '');
      if (path === '') throw new RequestError('request.invalid', 'leads elsewhere');
      expect(new URL(path, 'http://here.invalid').origin).toBe('http://here.invalid');
      return path;
    },
    refusal: RequestError,
  },
  "the console's SQL": {
    corpus: [
      "create token 'laptop' valid for '30 days'; show tokens; begin; rollback",
      `with x as (select "a"."b" as "c""d", e'\\x41\\u0041', $q$q$q$, -1.5e3::text) select * from x where a like 'b%' -- e`,
      'select count(*) from pg_class c left join pg_namespace n on n.oid = c.relnamespace /* a /* b */ */',
    ],
    read: (bytes) => parseScript(bytes.toString()),
    refusal: SqlError,
  },
};

/** A reader that goes wrong on one of a thousand inputs does not take long; one that hangs does. */
const SLOW_MS = 250;

test.each(Object.entries(READERS))(
  '%s: mutated text is read or refused, and soon',
  (_name, { corpus, read, refusal }) => {
    const random = randomNumbers(FUZZ_SEED);
    const bytes = corpus.map((one) => Buffer.from(one));
    let readable = 0;
    for (let run = 0; run < FUZZ_RUNS; run += 1) {
      const input = run < bytes.length ? (bytes[run] ?? Buffer.alloc(0)) : mutated(bytes, random);
      const before = performance.now();
      try {
        expect(read(input)).toBeDefined();
        readable += 1;
      } catch (error) {
        if (!(error instanceof refusal)) {
          throw new Error(`seed ${FUZZ_SEED}, run ${run}: ${input.toString('hex')}`, { cause: error });
        }
      }
      const tookMs = performance.now() - before;
      if (tookMs > SLOW_MS) expect.soft(input.toString('hex'), `took ${tookMs} ms`).toBe('');
    }
    expect(readable).toBeGreaterThan(0);
    expect(readable).toBeLessThan(FUZZ_RUNS);
  },
  3_600_000,
);

describe('what follows a stream of messages', () => {
  class Follower extends FrameFollower {
    readonly headers: string[] = [];

    protected override header(type: number, length: number): Verdict {
      this.headers.push(`${type}:${length}`);
      if (length < 4) return VERDICT.stop;
      return type % 2 === 0 ? VERDICT.showBody : VERDICT.pass;
    }

    protected override stopsAt(): boolean {
      return false;
    }

    protected override bodyStart(byte: number): void {
      this.headers.push(`body ${byte}`);
    }
  }

  test('sees the same headers however the stream is cut, and passes no byte of what it refuses', () => {
    const corpus = [
      Buffer.concat([typed('Q', text('select 1')), typed('Z', Buffer.from('I')), password('x')]),
      Buffer.concat([typed('D', Buffer.alloc(300)), typed('d'), typed('B', Buffer.alloc(7))]),
    ];
    const random = randomNumbers(FUZZ_SEED);
    for (let run = 0; run < FUZZ_RUNS; run += 1) {
      const bytes = mutated(corpus, random);
      const [whole, cut] = [new Follower(), new Follower()];
      const passedWhole = whole.follow(bytes);
      let passedCut = 0;
      for (let from = 0; from < bytes.length && !cut.stopped;) {
        const to = Math.min(bytes.length, from + 1 + random(9));
        passedCut += cut.follow(Buffer.from(bytes.subarray(from, to)));
        from = to;
      }
      expect([run, cut.stopped, cut.headers]).toEqual([run, whole.stopped, whole.headers]);
      // A header that came in pieces was passed on before it could be refused.
      expect(passedCut - passedWhole).toBeLessThan(5);
    }
  }, 3_600_000);
});
