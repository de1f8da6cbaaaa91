import { expect } from 'vitest';
import type { Answer, Client } from './client.ts';

/** Sends requests one after the other, and writes down what was said. */
export class Transcript {
  readonly #send: Client;
  readonly #lines: string[];
  readonly #called = new Set<string>();

  constructor(send: Client, introduction: string) {
    this.#send = send;
    this.#lines = [introduction];
  }

  section(title: string): void {
    this.#lines.push(`## ${title}\n`);
  }

  async call(
    request: string,
    { as, body, headers = {} }: { as?: string; body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const [method = '', path = ''] = request.split(' ');
    const sent = body === undefined ? {} : { body };
    const answer = await this.#send(method, path, { ...(as !== undefined && { as }), ...sent, headers });
    expect(answer.status, `${request}: ${answer.text}`).toBeLessThan(400);
    this.#called.add(`${method} ${path.split('?')[0] ?? ''}`);
    const shown = Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`);
    const said = body === undefined ? '' : `\n${typeof body === 'string' ? body : JSON.stringify(body)}\n`;
    const text = answer.text === '' ? '' : `\n${prettyJson(answer.text)}\n`;
    this.#lines.push(
      `\`\`\`http\n${method} ${path}\n${shown.join('')}${said}\n${answer.status}\n${text}\`\`\`\n`.replaceAll(
        /\n{3,}/g,
        '\n\n',
      ),
    );
    return answer;
  }

  /** Whether a route was called. @param path with parameters as `:name` or `{name}` */
  hasCalled(method: string, path: string): boolean {
    const pattern = path.replace(/:[A-Za-z]+(?:\{[^}]*\})?|\{[A-Za-z]+\}/g, '[^/]+').replaceAll('.', '\\.');
    return [...this.#called].some((call) => new RegExp(`^${method} ${pattern}$`).test(call));
  }

  page(): string {
    return steady(this.#lines.join('\n'));
  }
}

function prettyJson(text: string): string {
  return text.startsWith('{') ? JSON.stringify(JSON.parse(text), null, 2) : text.trimEnd();
}

/** Whatever differs from run to run, by something that does not. */
function steady(page: string): string {
  const ids = new Map<string, string>();
  const idOf = (id: string): string => {
    const known = ids.get(id) ?? `00000000-0000-4000-8000-${String(ids.size + 1).padStart(12, '0')}`;
    ids.set(id, known);
    return known;
  };
  return (
    page
      .replaceAll(/(p(?:at|se)_)[0-9A-Za-z]{49}/g, '$1…')
      .replaceAll(/\bpat_[0-9A-Za-z]{6}\b/g, 'pat_AbCdEf')
      .replaceAll(/\b[0-9a-f]{64}\b/g, '5e55…')
      .replaceAll(/[A-Za-z0-9+/]{43}=/g, 'S0m3…=')
      .replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, idOf)
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '2026-01-31T12:00:00.000Z')
      .replaceAll(/\b1[789]\d{11}\b/g, '1769860800000')
      .replaceAll(/("expires_in": )\d+/g, '$13600')
      .replaceAll(/("(?:created_by_id|owner_id|numericId|id)": "?)\d+(?![\d-])/g, '$11')
      // What is noted beside, as the use of a token, may come a moment sooner or later.
      .replaceAll(/("(?:rows|seq|lastSeq)": )\d+/g, '$131')
      .replaceAll(/("processId": )\d+/g, '$14321')
      .replaceAll(/("host": ")[^"]+/g, '$1gateway-1')
  );
}
