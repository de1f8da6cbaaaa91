import type { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { RequestError } from '../../../core/errors.ts';
import type { HttpContext, HttpEnv } from '../../env.ts';
import { failureOf } from '../../failure.ts';
import { originOf } from '../../origin.ts';
import { attempt } from '../attempt.ts';
import { readForm } from '../form.ts';
import { link } from '../link.ts';
import { localPath } from '../local-path.ts';
import type { SignInProvider } from '../sign-in-provider.ts';
import { demandSameSite } from '../same-site.ts';
import { errorSummary, field, hidden, type FieldError } from '../ui/form.ts';
import { html, NOTHING, type Html } from '../ui/html.ts';
import { openPage } from '../ui/layout.ts';
import { enter, findVisit, leave, postedForm, signedIn } from '../visit.ts';
import type { Web } from '../web.ts';

const HOME = '/tokens';

interface View {
  readonly next: string;
  readonly name: string;
  readonly note: string | null;
  readonly errors: readonly FieldError[];
}

/** `/sign-in`: a name with a password or token, for a session in a cookie. `/sign-out` ends it. */
export function signInScreens(routes: Hono<HttpEnv>, web: Web): void {
  routes.get('/sign-in', async (c) => {
    const next = localPath(c.req.query('next'), HOME);
    const found = await attempt(() => findVisit(c, web));
    // Signed in, but not from here: somebody else may be.
    if (!found.ok) {
      return signInPage(c, web, { next, name: '', note: null, errors: found.errors }, found.status);
    }
    if (found.value !== null) return c.redirect(next, 303);
    const note = c.req.query('done') === 'signed-out' ? 'You are signed out.' : null;
    return signInPage(c, web, { next, name: '', note, errors: [] });
  });

  routes.post('/sign-in', async (c) => {
    demandSameSite(c, web.publicUrl);
    const form = await readForm(c);
    const [name, secret] = [form.text('name'), form.secret('password')];
    const next = localPath(form.text('next'), HOME);
    const refuse = (status: ContentfulStatusCode, errors: readonly FieldError[]) =>
      signInPage(c, web, { next, name, note: null, errors }, status);
    const missing = [
      ...(name === '' ? [{ field: 'name', message: 'Enter your user name or e-mail.' }] : []),
      ...(secret.isEmpty ? [{ field: 'password', message: 'Enter your password or a token.' }] : []),
    ];
    if (missing.length > 0) return refuse(400, missing);
    try {
      const proved = await web.signIn.prove(name, secret, originOf(c, web.deps.trustedProxies));
      await enter(c, web, proved);
      return c.redirect(next, 303);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      const { status, message, retryAfterSeconds } = failureOf(error);
      if (retryAfterSeconds !== null) c.header('retry-after', String(retryAfterSeconds));
      return refuse(status, [
        { field: null, message: status === 401 ? 'Name or password is wrong.' : message },
      ]);
    }
  });

  routes.post('/sign-out', signedIn(web), async (c) => {
    await postedForm(c, web);
    await leave(c, web);
    return c.redirect('/sign-in?done=signed-out', 303);
  });
}

/** The form, also as the answer to an attempt that failed. */
export function signInPage(
  c: HttpContext,
  web: Web,
  view: View,
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  return openPage(c, web, { title: 'Sign in', body: body(view, web.deps.provider), status });
}

function body({ next, name, note, errors }: View, provider: SignInProvider | null): Html {
  return html`<div class="narrow">
    <h1>Sign in</h1>
    <p class="intro">Tokens for SQL and BI tools, and what they are used for.</p>
    ${note === null ? '' : html`<p class="notice good" role="status">${note}</p>`} ${errorSummary(errors)}
    <form class="card" method="post" action="/sign-in">
      ${hidden('next', next)}
      ${field({
        name: 'name',
        label: 'User name or e-mail',
        value: name,
        required: true,
        autocomplete: 'username',
        maxLength: 250,
        errors,
        focus: errors.length === 0,
      })}
      ${field({
        name: 'password',
        label: 'Password',
        type: 'password',
        required: true,
        autocomplete: 'current-password',
        hint: 'Or one of your tokens: with it you can look, but not create.',
        errors,
      })}
      <button class="primary wide">Sign in</button>
    </form>
    ${
      provider === null
        ? NOTHING
        : html`<a class="button plain wide" href="${link('/sign-in/provider', { next })}"
            >Sign in with ${provider.name}</a
          >`
    }
  </div>`;
}
