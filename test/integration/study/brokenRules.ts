import type { TableClient, TransactionAction } from '@azure/data-tables';
import type { CastDecorators } from '../../../src/cast';
import { ADOPTED_TAG_SYSTEM } from '../../../src/mapping/source';
import { studyPasses } from '../../../src/failures/studyPass';
import { noPatientLock } from '../../../src/study/patientLock';
import type { CastRig } from '../../support/castRig';

/** A rule taken out. */
export interface BrokenRule {
  readonly name: string;
  readonly change: (parts: CastDecorators, rig: CastRig) => CastDecorators;
}

/** A pass does not tell the others that it has begun. */
export const WITHOUT_TOUCHES: BrokenRule = {
  name: 'when passes do not touch the marks of others',
  change: (parts, rig) => withTable(parts, rig, () => ({ updateEntity: () => Promise.resolve({}) })),
};

/** A pass ends whether its mark was touched or not. */
export const WITHOUT_MARK_CHECK: BrokenRule = {
  name: 'when a touched mark does not hold up the settling',
  change: (parts, rig) =>
    withTable(parts, rig, (table) => ({
      deleteEntity: (partition, row, options) => table.deleteEntity(partition, row, { ...options, etag: '*' }),
      submitTransaction: (actions, options) =>
        table.submitTransaction(
          [...actions].map((action): TransactionAction =>
            action[0] === 'update' ? ['upsert', action[1], 'Merge'] : action,
          ),
          options,
        ),
    })),
};

/** Rows are listed at the end and cleared by their keys, whoever filed them, and no mark is heeded. */
export const CLEARING_BY_KEY: BrokenRule = {
  name: 'when rows are listed at the end and cleared by key',
  change: (parts, rig) => {
    const unheeded = WITHOUT_MARK_CHECK.change(parts, rig).decoratePasses;
    return {
      ...parts,
      decoratePasses: (passes) => {
        const inner = unheeded?.(passes) ?? passes;
        return {
          ...inner,
          async open(study, invocationId, signal) {
            const first = await inner.open(study, invocationId, signal);
            return {
              rows: first.rows,
              async settle(change, settleSignal) {
                if (change.file.length > 0) return first.settle(change, settleSignal);
                const last = await inner.open(study, invocationId, settleSignal);
                return last.settle({ ...change, clear: last.rows.map(({ rowKey }) => rowKey) }, settleSignal);
              },
            };
          },
        };
      },
    };
  },
};

/** A look at the whole study has no sequence to file under. */
export const WITHOUT_ROWS_OF_STUDIES: BrokenRule = {
  name: 'when a look at the whole study files nothing',
  change: (parts) => ({
    ...parts,
    decoratePasses: (passes) => {
      const inner = parts.decoratePasses?.(passes) ?? passes;
      return {
        ...inner,
        async open(...args) {
          const pass = await inner.open(...args);
          return {
            rows: pass.rows,
            settle(change, signal) {
              const file = change.file.filter(({ rowKey }) => !rowKey.startsWith('0'.repeat(20)));
              return pass.settle({ ...change, file }, signal);
            },
          };
        },
      };
    },
  }),
};

/** Nobody looks again for a second Patient. */
export const WITHOUT_SEARCH_AFTER_CREATION: BrokenRule = {
  name: 'when nobody searches again after the creation',
  change: (parts) => ({
    ...parts,
    decoratePatients: (patients) => ({
      ...patients,
      find: async (...args) => ({ ...(await patients.find(...args)), lose: [] }),
    }),
  }),
};

export const WITHOUT_LEASE: BrokenRule = {
  name: 'without the lease and the search after the creation',
  change: (parts, rig) => ({
    ...WITHOUT_SEARCH_AFTER_CREATION.change(parts, rig),
    decorateLock: () => noPatientLock,
  }),
};

/** Of several of ours only the first is seen. */
export const WITHOUT_REPAIR: BrokenRule = {
  name: 'when duplicates of ours are not cleared up',
  change: (parts) => ({
    ...parts,
    decorateFhir: (fhir) => ({
      ...fhir,
      search: async (...args) => {
        const found = await fhir.search(...args);
        return args[0] === 'Endpoint' ? found : [...found].sort((a, b) => Number(a.id) - Number(b.id)).slice(0, 1);
      },
    }),
  }),
};

/** Forgets that the study was somebody else's. */
export const WITHOUT_ADOPTED_TAG: BrokenRule = {
  name: 'without the second tag',
  change: (parts) => ({
    ...parts,
    decorateFhir: (fhir) => ({
      ...fhir,
      transaction: (entries, signal) =>
        fhir.transaction(
          entries.map((entry) => {
            if (entry.kind === 'delete') return entry;
            const { meta } = entry.resource;
            const tag = meta?.tag?.filter(({ system }) => system !== ADOPTED_TAG_SYSTEM);
            return { ...entry, resource: { ...entry.resource, meta: { ...meta, ...(tag !== undefined && { tag }) } } };
          }),
          signal,
        ),
    }),
  }),
};

/** The passes of the project on a table that does some things differently. */
function withTable(
  parts: CastDecorators,
  rig: CastRig,
  differently: (table: TableClient) => Partial<TableClient>,
): CastDecorators {
  const { failedEntriesTable: table } = rig.clients;
  const changed = differently(table);
  const odd = new Proxy(table, {
    get(target, property) {
      const value: unknown = Reflect.get(property in changed ? changed : target, property);
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
  return {
    ...parts,
    decoratePasses: () => {
      const passes = studyPasses(odd, () => rig.now());
      return parts.decoratePasses?.(passes) ?? passes;
    },
  };
}
