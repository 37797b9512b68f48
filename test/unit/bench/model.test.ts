import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadTable } from '../../../bench/scale/loads';
import { forecast, studiesPerSecond } from '../../../bench/scale/model';

const LOAD = {
  dicomInstances: 100_000,
  studySize: 100,
  newPatients: 0,
  roundsPerStudy: 1,
  functionInstances: 2,
  latencyMs: 20,
  cpuMsPerPass: 0,
  cpuMsPerInstance: 0,
};

describe('the model of docs/performance.md', () => {
  it('is in the document as npm run bench:model prints it', () => {
    // prettier pads the cells
    const cells = (text: string): string => text.replace(/ +/g, ' ').replace(/-+/g, '-');
    const document = readFileSync(resolve(__dirname, '../../../docs/performance.md'), 'utf8');
    expect(cells(document)).toContain(cells(loadTable()));
  });

  it('counts three FHIR requests for a study, and two more for each new Patient', () => {
    expect(forecast(LOAD).fhirRequests).toBe(3000);
    expect(forecast({ ...LOAD, newPatients: 0.5 }).fhirRequests).toBe(4000);
  });

  it('waits or computes, whichever lasts longer', () => {
    const load = { instances: 1, studiesAtOnce: 4, tripsPerStudy: 8, latencyMs: 20 };
    expect(studiesPerSecond(load)).toBe(25);
    expect(studiesPerSecond({ ...load, cpuMsPerStudy: 100 })).toBe(10);
    expect(studiesPerSecond({ ...load, instances: 3, cpuMsPerStudy: 10 })).toBe(75);
  });
});
