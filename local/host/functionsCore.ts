/**
 * The module `@azure/functions-core` that the Node.js worker of Azure Functions injects into every app, as far as
 * `@azure/functions` uses it (its source names these functions and shapes).
 */

export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical' | 'none';
export type LogCategory = 'user' | 'system' | 'customMetric';
export type FunctionCallback = (...args: unknown[]) => unknown;
export type HookCallback = (context: unknown) => unknown;
export type HookName = 'appStart' | 'appTerminate' | 'preInvocation' | 'postInvocation' | 'log';

/** A value on its way between host and worker. Exactly one of the members is set. */
export interface TypedData {
  readonly string?: string | null;
  readonly json?: string | null;
  readonly bytes?: Uint8Array | null;
  readonly int?: number | null;
  readonly double?: number | null;
  readonly http?: HttpData | null;
}

export interface HttpData {
  readonly method?: string;
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: TypedData | null;
  readonly statusCode?: string;
  readonly cookies?: readonly HttpCookie[];
}

export interface HttpCookie {
  readonly name: string;
  readonly value: string;
  readonly domain?: { readonly value: string };
  readonly path?: { readonly value: string };
  readonly expires?: { readonly value: { readonly seconds: number } };
  readonly secure?: { readonly value: boolean };
  readonly httpOnly?: { readonly value: boolean };
  readonly sameSite?: 'none' | 'lax' | 'strict' | 'explicitNone';
  readonly maxAge?: { readonly value: number };
}

export interface BindingInfo {
  readonly type: string;
  readonly direction: 'in' | 'out';
  readonly [property: string]: unknown;
}

export interface FunctionMetadata {
  readonly name: string;
  readonly bindings: Readonly<Record<string, BindingInfo>>;
  readonly retryOptions?: unknown;
}

export interface InvocationRequest {
  readonly invocationId: string;
  readonly inputData: readonly { readonly name: string; readonly data: TypedData }[];
  readonly triggerMetadata: Readonly<Record<string, TypedData>>;
  readonly traceContext: { readonly traceParent: string; readonly traceState: string; readonly attributes: object };
}

export interface CoreInvocationContext {
  readonly invocationId: string;
  readonly metadata: FunctionMetadata;
  readonly request: InvocationRequest;
  state?: 'preInvocationHooks' | 'invocation' | 'postInvocationHooks' | undefined;
  log(level: LogLevel, category: LogCategory, message: string): void;
}

export interface InvocationResponse {
  readonly outputData?: readonly { readonly name: string; readonly data: TypedData }[];
  readonly returnValue?: TypedData | null;
}

interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: FunctionCallback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<InvocationResponse>;
}

export interface ProgrammingModel {
  readonly name: string;
  readonly version: string;
  getInvocationModel(context: CoreInvocationContext): InvocationModel | Promise<InvocationModel>;
  getCapabilities?(capabilities: Record<string, string>): Promise<Record<string, string>>;
}

export interface RegisteredFunction {
  readonly metadata: FunctionMetadata;
  readonly callback: FunctionCallback;
}

/** What one app registers while it is loaded. */
export class Registry {
  programmingModel: ProgrammingModel | undefined;
  readonly functions = new Map<string, RegisteredFunction>();
  readonly appHookData: Record<string, unknown> = {};
  private readonly hooks = new Map<string, Set<HookCallback>>();
  private locked = false;

  /** Registration ends when the app is loaded: later calls throw, as in the real worker. */
  lock(): void {
    this.locked = true;
  }

  addFunction(metadata: FunctionMetadata, callback: FunctionCallback): void {
    if (this.locked) throw new Error('A function can only be registered during app startup.');
    if (this.functions.has(metadata.name))
      throw new Error(`A function named "${metadata.name}" is registered already.`);
    this.functions.set(metadata.name, { metadata, callback });
  }

  addHook(name: string, callback: HookCallback): { dispose(): void } {
    const callbacks = this.hooks.get(name) ?? new Set<HookCallback>();
    this.hooks.set(name, callbacks.add(callback));
    return { dispose: () => void callbacks.delete(callback) };
  }

  async runHooks(name: HookName, context: unknown): Promise<void> {
    for (const callback of this.hooks.get(name) ?? []) await callback(context);
  }

  runLogHooks(context: unknown): void {
    for (const callback of this.hooks.get('log') ?? []) callback(context);
  }
}

/** The object that `require('@azure/functions-core')` gives to an app. */
export function createFunctionsCore(
  registry: Registry,
  log: (level: LogLevel, category: LogCategory, message: string) => void,
): object {
  return {
    version: '1.0.0',
    hostVersion: '4.0.0',
    setProgrammingModel: (model: ProgrammingModel) => {
      registry.programmingModel = model;
    },
    getProgrammingModel: () => registry.programmingModel,
    registerFunction: (metadata: FunctionMetadata, callback: FunctionCallback) => {
      registry.addFunction(metadata, callback);
      return { dispose: () => void registry.functions.delete(metadata.name) };
    },
    registerHook: (name: string, callback: HookCallback) => registry.addHook(name, callback),
    log,
    Disposable: class {
      constructor(private readonly callOnDispose: () => void) {}
      dispose(): void {
        this.callOnDispose();
      }
    },
  };
}
