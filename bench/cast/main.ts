import { parseArgs } from 'node:util';
import { contest, type Contestant, type Figures } from './contest';
import { feedShapes } from './feedShapes';

/**
 * `npm run bench:cast`: Cast against the loop of the old DICOM Cast, on the same embedded services and feeds, one after the other,
 * as they are and with 10 ms added to every DICOM, FHIR and storage request. Ratios are of one run on one machine; the services run in
 * the same process, so their work is in both figures.
 */

interface Row {
  readonly shape: string;
  readonly delayMs: number;
  readonly cast: Figures;
  readonly old: Figures;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { json: { type: 'boolean' }, scale: { type: 'string' }, shape: { type: 'string' } },
  });
  const { signal } = new AbortController();
  const rows: Row[] = [];
  for (const delayMs of [0, 10]) {
    for (const shape of feedShapes(Number(values.scale ?? '1'))) {
      if (values.shape !== undefined && !shape.name.includes(values.shape)) continue;
      const run = async (contestant: Contestant): Promise<Figures> => {
        console.error(`${shape.name}, ${delayMs} ms: ${contestant} ...`);
        return contest(contestant, shape, delayMs, signal);
      };
      rows.push({ shape: shape.name, delayMs, cast: await run('cast'), old: await run('old loop') });
    }
  }
  console.log(values.json === true ? JSON.stringify(rows, undefined, 2) : rows.map(describe).join('\n'));
}

function describe({ shape, delayMs, cast, old }: Row): string {
  const rate = ({ entries, seconds }: Figures): number => entries / seconds;
  const perEntry = (count: number, { entries }: Figures): string => (count / entries).toFixed(3);
  return [
    `${shape}${delayMs > 0 ? ` (+${delayMs} ms)` : ''}: ${(rate(cast) / rate(old)).toFixed(1)} times the entries per second (${rate(cast).toFixed(0)} / ${rate(old).toFixed(0)})`,
    `  FHIR requests per entry ${perEntry(cast.fhirRequests, cast)} / ${perEntry(old.fhirRequests, old)}, DICOM ${perEntry(cast.dicomRequests, cast)} / ${perEntry(old.dicomRequests, old)}`,
    `  FHIR versions written ${cast.fhirWrites} / ${old.fhirWrites}, CPU seconds ${cast.cpuSeconds.toFixed(1)} / ${old.cpuSeconds.toFixed(1)}`,
  ].join('\n');
}

void main();
