import { RequestError } from '../../../../core/errors.ts';
import { field, type FieldError, type FieldOptions } from '../../ui/form.ts';
import type { Html } from '../../ui/html.ts';

/** A user's new password: not the field in which visitors prove by their own who they are. */
export function newPasswordField(
  options: Pick<FieldOptions, 'required' | 'hint'> & { readonly errors: readonly FieldError[] },
): Html {
  return field({
    name: 'newPassword',
    label: 'New password',
    type: 'password',
    autocomplete: 'new-password',
    maxLength: 1024,
    ...options,
  });
}

/** What is wrong with the user's password is told at its own field. */
export async function renamed<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RequestError) || error.field !== 'password') throw error;
    throw new RequestError(error.code, error.message, { cause: error, field: 'newPassword' });
  }
}
