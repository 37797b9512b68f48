import { readBlobName } from '../../src/payloads/blobName';
import type { Finding } from '../../src/payloads/runs/reportStore';
import type { RunMode } from '../../src/payloads/runs/run';

type Scanned = Pick<Finding, 'name' | 'verdict'>;

/** @returns what the scan says of a blob, in the words of the Java tool where it has them */
export function linesOfFinding(
  { name, verdict }: Scanned,
  mode: RunMode,
  includeTombstones: boolean,
): readonly string[] {
  if (verdict === 'young') return [];
  const isCandidate = verdict === 'orphan' || (verdict === 'tombstone' && includeTombstones);
  const line = `[${verdict.toUpperCase()}] ${shown(name)}`;
  return isCandidate && mode === 'report' ? [line, `Would erase orphaned payload ${path(name)}`] : [line];
}

/** @returns what the sweep did with a blob; undefined when it was no candidate */
export function lineOfOutcome({ name, outcome, code }: Finding): string | undefined {
  switch (outcome) {
    case undefined:
      return undefined;
    case 'deleted':
      return `Erasing orphaned payload ${path(name)}`;
    case 'quarantined':
      return `Moving orphaned payload to quarantine ${path(name)}`;
    case 'gone':
    case 'changed':
    case 'live':
    case 'unproven':
      return `[${outcome.toUpperCase()}] ${shown(name)}`;
    case 'failed':
      return `[FAILED] ${shown(name)}: ${code ?? 'unknown'}`;
  }
}

function shown(name: string): string {
  const reading = readBlobName(name);
  if (reading.kind !== 'payload') return printable(name);
  const { typeId, logicalId, version, key } = reading.payload;
  return `${typeId}/${logicalId}/${version} [${key}]`;
}

function path(name: string): string {
  const reading = readBlobName(name);
  if (reading.kind !== 'payload') return printable(name);
  const { typeId, logicalId, version, key } = reading.payload;
  return `${typeId}/${logicalId}/${version}/${key} [path=${name}]`;
}

/** Anybody who may write into the container chooses the names in it; none of them may look like a line of its own. */
function printable(name: string): string {
  return name.replace(/\p{C}/gu, (unit) => `\\u{${unit.codePointAt(0)?.toString(16) ?? ''}}`);
}
