/** Tables of the store. */
export interface Database {
  readonly settings: { name: string; value: Buffer };
}
