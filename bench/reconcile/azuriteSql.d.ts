/** The parts of Azurite's blob service on a SQL database that are used here; the others are in local/azurite/deepImports.d.ts. */

declare module 'azurite/dist/src/common/utils/constants' {
  /** Of sequelize: nothing is logged, and names are compared byte for byte. */
  export const DEFAULT_SQL_OPTIONS: object;
}

declare module 'azurite/dist/src/blob/SqlBlobConfiguration' {
  export default class SqlBlobConfiguration {
    constructor(
      host: string,
      port: number,
      keepAliveTimeout: number,
      sqlUrl: string,
      sequelizeOptions: object,
      persistence: readonly AzuritePersistenceLocation[],
      enableAccessLog: boolean,
      accessLogWriteStream: undefined,
      enableDebugLog: boolean,
      debugLogFilePath: undefined,
      loose: boolean,
      skipApiVersionCheck: boolean,
    );
    getHttpServerAddress(): string;
  }
}

declare module 'azurite/dist/src/blob/SqlBlobServer' {
  import type SqlBlobConfiguration from 'azurite/dist/src/blob/SqlBlobConfiguration';
  export default class SqlBlobServer implements AzuriteServer {
    readonly metadataStore: {
      readonly sequelize: {
        /** @returns the rows, and what the driver says of them */
        query(
          sql: string,
          options?: { readonly replacements: Readonly<Record<string, unknown>> },
        ): Promise<[Readonly<Record<string, unknown>>[], unknown]>;
      };
    };
    /** Reads the whole table every ten minutes. */
    readonly gcManager: { close(): Promise<void> };
    constructor(configuration: SqlBlobConfiguration);
    start(): Promise<void>;
    close(): Promise<void>;
    getHttpServerAddress(): string;
  }
}
