import { Counter, Gauge, type Registry } from 'prom-client';

/** What is told of logins without the store. */
export interface GraceState {
  readonly away: Error | null;
  readonly logins: number;
  readonly secrets: { readonly size: number };
}

/** @param state asked when the metrics are read */
export function createGraceMetrics(registry: Registry, state: GraceState): void {
  const registers = [registry];
  new Counter({
    name: 'patgate_logins_by_grace_total',
    help: 'Logins of recently verified secrets while the store could not be reached.',
    registers,
    collect() {
      this.reset();
      this.inc(state.logins);
    },
  });
  new Gauge({
    name: 'patgate_store_grace_active',
    help: 'Processes whose last login found the store away; 0 without login.store_grace.',
    registers,
    collect() {
      this.set(state.away === null ? 0 : 1);
    },
  });
  new Gauge({
    name: 'patgate_store_grace_remembered',
    help: 'Logins that would be let in by grace if the store went away, the oldest of them perhaps no more.',
    registers,
    collect() {
      this.set(state.secrets.size);
    },
  });
}
