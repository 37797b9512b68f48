const meanings = {
  standby: 'The database is a standby, which may lack rows that the primary has',
  'canary-missing': 'A payload that had its row a moment ago seems to have none',
  'other-database': 'The connection leads to another database than at the start of the run, or to one that failed over',
} as const;

/** What the database says could not be trusted, so nothing may be concluded from it, and nothing deleted. */
export class UntrustedLook extends Error {
  override readonly name = 'UntrustedLook';
  constructor(readonly code: keyof typeof meanings) {
    super(meanings[code]);
  }
}
