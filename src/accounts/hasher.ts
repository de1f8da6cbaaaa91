/**
 * Slow hashes, off the relaying thread and with bounded concurrency, so that a storm of logins does not stall sessions.
 * Callers are served in turn by `lane` (the block of addresses that a login comes from; left out: the gateway's own people, who
 * have proved who they are and do not make room for others).
 * Every method throws GatewayError login.overloaded when too many are waiting already, or had to make room for somebody else.
 */
export interface Hasher {
  /** RFC 5802 Hi(): PBKDF2 with HMAC-SHA-256, 32 bytes. @param password prepared with SASLprep by the caller */
  pbkdf2(password: Buffer, salt: Buffer, iterations: number, lane?: string): Promise<Buffer>;
  /** @returns an argon2id PHC string with OWASP's parameters or better @param password is prepared with SASLprep here */
  argon2Hash(password: string | Buffer, lane?: string): Promise<string>;
  /** @param hash PHC string, one that argon2Hash made */
  argon2Verify(hash: string, password: string | Buffer, lane?: string): Promise<boolean>;
  /** Takes as long as argon2Verify and is always false: for users who do not exist. */
  argon2VerifyNobody(password: string | Buffer, lane?: string): Promise<false>;
}
