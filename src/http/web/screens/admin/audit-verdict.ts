import type { AuditVerdict } from '../../../../store/audit.ts';
import { link } from '../../link.ts';
import { html, type Html } from '../../ui/html.ts';
import { action } from '../../ui/parts.ts';

/** Whether the chain is whole, in words. */
export function verdictCard(verdict: AuditVerdict, back: string): Html {
  return html`<div class="medium">
    <section class="card ask">
      <h1 id="ask-title">${verdict.ok ? 'The audit is whole' : 'The audit was tampered with'}</h1>
      ${verdict.ok ? whole(verdict) : broken(verdict)}
      <div class="buttons">${action({ href: back, text: 'Back', kind: 'quiet' })}</div>
    </section>
  </div>`;
}

function whole({ rows, firstSeq, lastSeq }: Extract<AuditVerdict, { ok: true }>): Html {
  return html`<p class="notice good">
    ${
      firstSeq === null
        ? 'It has no rows yet.'
        : `All ${rows.toLocaleString('en')} rows, from ${firstSeq} to ${lastSeq}, are as they were written: none is missing, changed or put in.`
    }
  </p>`;
}

function broken({ seq, problem }: Extract<AuditVerdict, { ok: false }>): Html {
  return html`<p class="notice bad">At row ${seq}: ${problem}.</p>
    <p>
      Rows before it are as they were written.
      <a href="${link(back(), { before: seq + 1 })}">Look at the rows around it</a>, and compare them with the
      JSON lines in the gateways’ logs.
    </p>`;
}

const back = (): string => '/admin/audit';
