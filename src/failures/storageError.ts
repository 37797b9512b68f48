/** HTTP status of an error of the Azure storage clients, or undefined when no answer came (or it is no such error). */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}
