/** The role that every target logs in to the engines as, and the user that clients log in to every target as. */
export const ROLE = 'bench';
export const ROLE_PASSWORD = 'correct-horse-battery-staple';

/** Databases as clients name them: which engine, and how the target reaches it. */
export type DatabaseName = 'fake' | 'fake_socket' | 'bench' | 'bench_socket';
