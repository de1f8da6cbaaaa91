import { command, SHOWN, table, type Plan } from '../plan.ts';
import { SqlError } from '../sql-error.ts';
import type { Statement } from '../sql/statement.ts';

type Of<K extends Statement['kind']> = Extract<Statement, { kind: K }>;

export function showSettingPlan({ name }: Of<'showSetting'>): Plan {
  if (name === null) {
    const columns = ['name', 'setting', 'description'].map((each) => ({ name: each, type: 'text' }) as const);
    return table(columns, SHOWN, ({ state }) => state.settings.all.map(([key, value]) => [key, value, '']));
  }
  return table([{ name, type: 'text' }], SHOWN, ({ state }) => [[state.settings.demand(name)]]);
}

export function setPlan({ name, value }: Of<'set'>): Plan {
  return command(({ state, report }) => {
    if (state.settings.set(name, value)) report(name);
    return 'SET';
  });
}

export function resetPlan({ name }: Of<'reset'>): Plan {
  return command(({ state, report }) => {
    if (name === null) for (const changed of state.settings.reset()) report(changed);
    else if (state.settings.set(name, null)) report(name);
    return 'RESET';
  });
}

export function transactionPlan({ kind, tag }: Of<'begin' | 'commit' | 'rollback'>): Plan {
  return command(
    ({ state: { transaction }, notice }) => {
      const end = kind === 'begin' ? { tag, notice: transaction.begin() } : transaction.end(kind);
      if (end.notice !== null) notice(end.notice);
      return end.tag;
    },
    { endsTransaction: kind !== 'begin' },
  );
}

export function savepointPlan({ kind, name }: Of<'savepoint' | 'release' | 'rollbackTo'>): Plan {
  const tags = { savepoint: 'SAVEPOINT', release: 'RELEASE', rollbackTo: 'ROLLBACK' };
  return command(
    ({ state: { transaction } }) => {
      transaction[kind](name);
      return tags[kind];
    },
    { endsTransaction: kind === 'rollbackTo' },
  );
}

export function discardPlan({ isAll, tag }: Of<'discard'>): Plan {
  return command(({ state, report }) => {
    if (isAll) {
      if (state.transaction.status !== 'I')
        throw new SqlError('25001', 'DISCARD ALL cannot run inside a transaction block');
      state.forgetPrepared(null);
      for (const changed of state.settings.reset()) report(changed);
    }
    return tag;
  });
}

export function deallocatePlan({ name }: Of<'deallocate'>): Plan {
  return command(({ state }) => {
    if (!state.forgetPrepared(name) && name !== null)
      throw new SqlError('26000', `prepared statement "${name}" does not exist`);
    return name === null ? 'DEALLOCATE ALL' : 'DEALLOCATE';
  });
}
