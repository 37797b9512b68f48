/** The part of Microsoft's Kusto language service (compiled from C#) that the check of a query needs. */
interface Kusto {
  readonly Language: {
    readonly Symbols: {
      readonly TableSymbol: { readonly $ctor7: new (name: string, schema: string, description: null) => object };
      readonly DatabaseSymbol: { readonly ctor: new (name: string, members: readonly object[]) => object };
    };
    readonly GlobalState: { readonly Default: { WithDatabase(database: object): object } };
    readonly KustoCode: {
      ParseAndAnalyze(
        query: string,
        state: object,
      ): { GetDiagnostics(): List<{ readonly Message: string }> } & {
        readonly ResultType: { readonly Columns: List<{ readonly Name: string }> } | null;
      };
    };
  };
}

interface List<T> {
  readonly Count: number;
  getItem(index: number): T;
}

/** Tables of Application Insights, as far as the queries use them. */
const tables = {
  customMetrics:
    '(timestamp:datetime, name:string, value:real, valueCount:int, valueSum:real, valueMin:real, valueMax:real, customDimensions:dynamic)',
  customEvents: '(timestamp:datetime, name:string, itemCount:int, customDimensions:dynamic)',
};

const itemsOf = <T>({ Count, getItem }: List<T>, list: List<T>): readonly T[] =>
  Array.from({ length: Count }, (_, index) => getItem.call(list, index));

/** What is wrong with a query in the Kusto query language, and the columns of its result. */
export function checkQuery(query: string): {
  readonly problems: readonly string[];
  readonly columns: readonly string[];
} {
  const { Language } = load();
  const { TableSymbol, DatabaseSymbol } = Language.Symbols;
  const symbols = Object.entries(tables).map(([name, schema]) => new TableSymbol.$ctor7(name, schema, null));
  const state = Language.GlobalState.Default.WithDatabase(new DatabaseSymbol.ctor('insights', symbols));
  const code = Language.KustoCode.ParseAndAnalyze(query, state);
  const diagnostics = code.GetDiagnostics();
  const columns = code.ResultType?.Columns;
  return {
    problems: itemsOf(diagnostics, diagnostics).map(({ Message }) => Message),
    columns: columns === undefined ? [] : itemsOf(columns, columns).map(({ Name }) => Name),
  };
}

let loaded: Kusto | undefined;

/** The package adds itself to the global object, in two files. */
function load(): Kusto {
  if (loaded !== undefined) return loaded;
  /* eslint-disable @typescript-eslint/no-require-imports */
  require('@kusto/language-service-next/bridge.min.js');
  require('@kusto/language-service-next/Kusto.Language.Bridge.min.js');
  /* eslint-enable @typescript-eslint/no-require-imports */
  loaded = (globalThis as unknown as { readonly Kusto: Kusto }).Kusto;
  return loaded;
}
