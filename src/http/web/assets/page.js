// What pages gain from a script; each of them works without.
(() => {
  'use strict';

  const policy = globalThis.trustedTypes?.createPolicy('patgate', { createHTML: (text) => text });
  const parse = (text) =>
    new DOMParser().parseFromString(policy === undefined ? text : policy.createHTML(text), 'text/html');

  document.querySelector('[data-focus]')?.focus();

  // The reader's own time, beside UTC.
  for (const time of document.querySelectorAll('time')) {
    const local = new Date(time.dateTime);
    if (!Number.isNaN(local.getTime())) time.title += ` (${local.toLocaleString()} here)`;
  }

  copyButtons();
  selections();
  dialogs();
  shownOnce();

  function copyButtons() {
    if (navigator.clipboard === undefined) return;
    for (const button of document.querySelectorAll('[data-copy]')) {
      button.hidden = false;
      button.addEventListener('click', async () => {
        const text = document.getElementById(button.dataset.copy)?.textContent ?? '';
        try {
          await navigator.clipboard.writeText(text);
          said(button, 'Copied');
        } catch {
          said(button, 'Could not copy: select the text and copy it by hand');
        }
      });
    }
  }

  /** On the button for the eye, and in the live region for the ear. */
  function said(button, text) {
    const region = document.querySelector('[data-said]');
    if (region !== null) region.textContent = `${text}: ${button.getAttribute('aria-label')}`;
    button.textContent = text.startsWith('Copied') ? 'Copied' : 'Failed';
    setTimeout(() => {
      button.textContent = 'Copy';
      if (region !== null) region.textContent = '';
    }, 4000);
  }

  /** One box for all rows, and on the button how many are selected. */
  function selections() {
    const form = document.getElementById('selection');
    const boxes = [...document.querySelectorAll('tbody .select input')];
    const head = document.querySelector('thead .select');
    if (form === null || head === null || boxes.length === 0) return;
    const all = document.createElement('input');
    all.type = 'checkbox';
    all.setAttribute('aria-label', 'Select all on this page');
    head.replaceChildren(all);
    const button = form.querySelector('button');
    const text = button.textContent;
    const show = () => {
      const count = boxes.filter((box) => box.checked).length;
      all.checked = count === boxes.length;
      all.indeterminate = count > 0 && count < boxes.length;
      button.textContent = count === 0 ? text : text.replace('selected', `${count} selected`);
    };
    all.addEventListener('change', () => {
      for (const box of boxes) box.checked = all.checked;
      show();
    });
    for (const box of boxes) box.addEventListener('change', show);
    show();
  }

  /** Pages that ask a question are shown over the one that led to them. */
  function dialogs() {
    document.addEventListener('click', (event) => {
      const link = event.target.closest?.('a[data-dialog]');
      if (link === null || link === undefined || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      open(link.href, {}).catch(() => location.assign(link.href));
    });
    document.addEventListener('submit', (event) => {
      const form = event.target;
      if (!form.matches('form[data-dialog]')) return;
      event.preventDefault();
      const body = new URLSearchParams(new FormData(form, event.submitter));
      open(form.action, { method: 'POST', body }).catch(() => form.submit());
    });
  }

  async function open(address, request) {
    const answer = await fetch(address, { ...request, headers: { accept: 'text/html' } });
    const question = parse(await answer.text()).querySelector('.ask');
    if (question === null) throw new Error('not a question');
    const dialog = document.createElement('dialog');
    dialog.setAttribute('aria-labelledby', 'ask-title');
    dialog.append(document.importNode(question, true));
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog || event.target.closest('.buttons a') !== null) {
        event.preventDefault();
        dialog.close();
      }
    });
    dialog.addEventListener('close', () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  /** A secret does not stay behind when its page is left, also not for the "back" button. */
  function shownOnce() {
    const secret = document.querySelector('[data-once]');
    if (secret === null) return;
    addEventListener('pagehide', () => secret.remove());
    addEventListener('pageshow', (event) => {
      if (event.persisted) location.replace('/tokens');
    });
  }
})();
