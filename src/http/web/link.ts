/** An address with parameters, beside those that it has; those that are empty or null are left out. */
export function link(address: string, parameters: Readonly<Record<string, string | number | null>>): string {
  const [path = '', own] = address.split('?', 2);
  const query = new URLSearchParams(own);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}
