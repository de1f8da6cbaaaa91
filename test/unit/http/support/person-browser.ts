import type { World, Person } from './world.ts';

/** What a browser does with forms and cookies, as far as a page without a script needs it. */
export class PersonBrowser {
  readonly #url: string;
  readonly #cookies = new Map<string, string>();

  constructor(url: string) {
    this.#url = url;
  }

  static async signedIn(
    world: World,
    { name, password }: Pick<Person, 'name' | 'password'>,
  ): Promise<PersonBrowser> {
    const browser = new PersonBrowser(world.url);
    const answer = await browser.post('/sign-in', { name, password });
    if (answer.status !== 303) throw new Error(`not signed in: ${answer.status} ${answer.text}`);
    return browser;
  }

  get cookie(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  set cookie(text: string) {
    this.#cookies.clear();
    this.#keep(text);
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<PageAnswer> {
    return this.#send(path, { method: 'GET', headers });
  }

  /** @param fields a list for a field that comes several times */
  post(
    path: string,
    fields: Readonly<Record<string, string | readonly string[]>>,
    headers: Readonly<Record<string, string>> = { 'sec-fetch-site': 'same-origin' },
  ): Promise<PageAnswer> {
    const body = new URLSearchParams();
    for (const [name, value] of Object.entries(fields)) {
      for (const one of typeof value === 'string' ? [value] : value) body.append(name, one);
    }
    return this.#send(path, { method: 'POST', body, headers });
  }

  /** Opens a page and sends the form on it whose action is `path`, with its hidden fields. */
  async submit(
    page: string,
    path: string,
    fields: Readonly<Record<string, string | readonly string[]>> = {},
  ): Promise<PageAnswer> {
    const { text } = await this.get(page);
    return this.post(path, { ...hiddenFields(text, path), ...fields });
  }

  /** The key that forms of this session carry. */
  async key(): Promise<string> {
    return hiddenFields((await this.get('/tokens')).text, '/sign-out')['key'] ?? '';
  }

  async #send(
    path: string,
    { headers, ...init }: Omit<RequestInit, 'headers'> & { headers: Readonly<Record<string, string>> },
  ): Promise<PageAnswer> {
    const response = await fetch(this.#url + path, {
      ...init,
      headers: { accept: 'text/html', cookie: this.cookie, ...headers },
      redirect: 'manual',
    });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    return {
      status: response.status,
      headers: response.headers,
      text: await response.text(),
      location: response.headers.get('location'),
    };
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split(';');
    const at = pair.indexOf('=');
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    if (attributes.some((one) => one.trim().toLowerCase() === 'max-age=0')) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}

export interface PageAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly location: string | null;
}

function hiddenFields(page: string, action: string): Record<string, string> {
  const forms = [...page.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)];
  const form = forms.find(([, attributes = '']) => attributes.includes(`action="${action}"`));
  if (form === undefined) throw new Error(`no form for ${action} on the page:\n${page}`);
  const inputs = (form[2] ?? '').match(/<input\b[^>]*>/g) ?? [];
  const hidden = inputs.filter((input) => input.includes('type="hidden"'));
  const attribute = (input: string, name: string) =>
    new RegExp(`\\b${name}="([^"]*)"`).exec(input)?.[1] ?? '';
  return Object.fromEntries(hidden.map((input) => [attribute(input, 'name'), attribute(input, 'value')]));
}
