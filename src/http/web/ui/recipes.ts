import type { Recipe } from '../recipes.ts';
import { html, NOTHING, type Html } from './html.ts';

/** Text to copy: the button appears where there is a script that can. */
export function copyable(id: string, text: string, what: string): Html {
  return html`<div class="copy">
    <pre id="${id}" tabindex="0" aria-label="${what}">${text}</pre>
    <button type="button" class="plain" data-copy="${id}" aria-label="Copy ${what}" hidden>Copy</button>
  </div>`;
}

/** One recipe for each tool; all closed but the first. */
export function recipeList(recipes: readonly Recipe[]): Html {
  return html`<div class="recipes">
    ${recipes.map(
      (recipe, index) =>
        html`<details name="recipe" ${index === 0 ? 'open' : ''}>
          <summary>${recipe.tool}</summary>
          <p class="hint">${recipe.where}</p>
          ${recipe.fields === undefined ? NOTHING : fieldList(recipe.fields)}
          ${recipe.code === undefined ? NOTHING : copyable(`recipe-${recipe.id}`, recipe.code, `the ${recipe.tool} recipe`)}
          ${recipe.note === undefined ? NOTHING : html`<p class="hint">${recipe.note}</p>`}
        </details>`,
    )}
  </div>`;
}

function fieldList(fields: NonNullable<Recipe['fields']>): Html {
  return html`<dl class="facts">
    ${fields.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd><code>${value}</code></dd>
        </div>`,
    )}
  </dl>`;
}
