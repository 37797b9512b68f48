import { loadTable } from './loads';

/** `npm run bench:model`: the table of docs/performance.md. */
console.log(loadTable());
