import type { TokenCredential } from '@azure/identity';
import {
  type Attributes,
  type Context,
  context,
  type Meter,
  metrics as metricsApi,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import { logs } from '@opentelemetry/api-logs';
import { flushAzureMonitor, shutdownAzureMonitor, useAzureMonitor } from 'applicationinsights';
import { invocationTelemetry, invocationTraceParent } from './invocationTelemetry';
import { metrics, type MetricName } from './names';
import type { SpanOptions, Telemetry, TelemetryProperties } from './telemetry';
import { readTraceParent, type TraceParent, writeTraceParent } from './traceParent';

/**
 * Loading this module loads the SDK, which costs a cold start some tenths of a second: import it only where Application Insights is used.
 */

export interface ApplicationInsightsOptions {
  readonly connectionString: string;
  /** For a resource that takes no telemetry by instrumentation key alone. */
  readonly credential?: TokenCredential | undefined;
  /** Part of the traces whose spans are kept, 0 to 1. Metrics and events are all kept. */
  readonly samplingRatio: number;
}

export interface ApplicationInsights {
  readonly telemetry: Telemetry;
  /** Sends what is left; returns after `timeoutMs` at the latest, also when nobody takes it. */
  stop(timeoutMs: number): Promise<void>;
}

const SCOPE = 'fhir-imaging-functions';

/**
 * Metrics, events and spans to Application Insights; log lines to the running invocation, whose host sends them on.
 * Nothing is collected by itself: the host has the requests, and URLs of FHIR searches and texts of foreign errors name patients.
 * @throws when the connection string is none
 */
export function startApplicationInsights(options: ApplicationInsightsOptions): ApplicationInsights {
  const { connectionString, credential, samplingRatio } = options;
  // Reports of the SDK on itself, to its makers; and a metric with the machine's properties beside each batch.
  process.env.APPLICATIONINSIGHTS_STATSBEAT_DISABLED ??= 'true';
  process.env.APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED ??= 'true';
  const off = { enabled: false };
  useAzureMonitor({
    azureMonitorExporterOptions: { connectionString, ...(credential !== undefined && { credential }) },
    samplingRatio,
    // Its default of 5 would win over the ratio.
    tracesPerSecond: 0,
    enableLiveMetrics: false,
    enableStandardMetrics: false,
    enablePerformanceCounters: false,
    enableTraceBasedSamplingForLogs: false,
    enableAutoCollectExceptions: false,
    instrumentationOptions: {
      http: off,
      azureSdk: off,
      postgreSql: off,
      mongoDb: off,
      mySql: off,
      redis: off,
      redis4: off,
      bunyan: off,
      winston: off,
      console: off,
    },
  });
  const tell = recorder(metricsApi.getMeter(SCOPE));
  const logger = logs.getLogger(SCOPE);
  const lines = invocationTelemetry();
  return {
    telemetry: {
      event: (name, properties = {}) => {
        logger.emit({
          attributes: { 'microsoft.custom_event.name': name, ...attributesOf(properties) },
          context: currentContext(),
        });
      },
      metric: (...[name, value, dimensions]) => tell(name, value, attributesOf(dimensions ?? {})),
      log: (level, message, properties) => lines.log(level, message, properties),
      ...spans(trace.getTracer(SCOPE)),
    },
    stop: (timeoutMs) => withinTime(timeoutMs, sendTheRest),
  };
}

type Recorder = (name: MetricName, value: number, dimensions: Attributes) => void;

/** Each metric by the instrument of its kind, made when it is first told. */
function recorder(meter: Meter): Recorder {
  const instruments = new Map<MetricName, (value: number, dimensions: Attributes) => void>();
  const instrumentOf = (name: MetricName): ((value: number, dimensions: Attributes) => void) => {
    const { kind, description } = metrics[name];
    switch (kind) {
      case 'count': {
        const counter = meter.createCounter(name, { description });
        return (value, dimensions) => counter.add(value, dimensions);
      }
      case 'distribution': {
        const histogram = meter.createHistogram(name, { description });
        return (value, dimensions) => histogram.record(value, dimensions);
      }
      case 'level': {
        const gauge = meter.createGauge(name, { description });
        return (value, dimensions) => gauge.record(value, dimensions);
      }
    }
  };
  return (name, value, dimensions) => {
    const record = instruments.get(name) ?? instrumentOf(name);
    instruments.set(name, record);
    record(value, dimensions);
  };
}

function spans(tracer: Tracer): Pick<Telemetry, 'span' | 'annotate' | 'traceParent'> {
  return {
    span: (name, options, work) =>
      tracer.startActiveSpan(name, spanOptions(options), currentContext(), async (span) => {
        try {
          return await work();
        } catch (error) {
          // `error.type`, the convention's name, is not among what the exporter keeps.
          span.setAttribute('error', nameOf(error));
          span.setStatus({ code: SpanStatusCode.ERROR });
          throw error;
        } finally {
          span.end();
        }
      }),
    annotate: (properties) => {
      const span = trace.getActiveSpan();
      if (span !== undefined) annotate(span, properties);
    },
    traceParent: () => {
      const current = trace.getSpanContext(currentContext());
      return current === undefined ? undefined : writeTraceParent({ ...current, flags: current.traceFlags });
    },
  };
}

function spanOptions({ properties = {}, causedBy, request }: SpanOptions) {
  const cause = readTraceParent(causedBy);
  return {
    // A server or consumer span would be a second request beside the host's.
    kind: request === undefined ? SpanKind.INTERNAL : SpanKind.CLIENT,
    attributes: {
      ...attributesOf(properties),
      // Links are not easily queried; a dimension is.
      ...(cause !== undefined && { causedByOperation: cause.traceId }),
      ...(request !== undefined && { 'http.request.method': request.method, 'server.address': request.host }),
    },
    links: cause === undefined ? [] : [{ context: spanContextOf(cause) }],
  };
}

function annotate(span: Span, properties: TelemetryProperties): void {
  span.setAttributes(attributesOf(properties));
  if (Number(properties['http.response.status_code'] ?? 0) >= 400) span.setStatus({ code: SpanStatusCode.ERROR });
}

/** The running span; outside of one, the host's request of the running invocation. */
function currentContext(): Context {
  const active = context.active();
  if (trace.getSpanContext(active) !== undefined) return active;
  const parent = readTraceParent(invocationTraceParent());
  return parent === undefined ? active : trace.setSpanContext(ROOT_CONTEXT, spanContextOf(parent));
}

function spanContextOf({ traceId, spanId, flags }: TraceParent) {
  return { traceId, spanId, traceFlags: flags, isRemote: true };
}

/** Its text is not ours to tell. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

function attributesOf(properties: TelemetryProperties): Attributes {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined));
}

async function sendTheRest(): Promise<void> {
  await flushAzureMonitor();
  await shutdownAzureMonitor();
}

async function withinTime(timeoutMs: number, work: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeOver = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  try {
    await Promise.race([work().catch(() => undefined), timeOver]);
  } finally {
    clearTimeout(timer);
  }
}
