import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadTable } from '../../../bench/scale/loads';
import { forecast, studiesPerSecond, tripsOf } from '../../../bench/scale/model';

const LOAD = {
  dicomInstances: 100_000,
  studySize: 100,
  studiesPerMessage: 1,
  studiesPerRequest: 1,
  newPatients: 0,
  roundsPerStudy: 1,
  functionInstances: 2,
  latencyMs: 20,
  cpuMsPerLook: 0,
  cpuMsPerInstance: 0,
};

describe('the model of docs/performance.md', () => {
  it('is in the document as npm run bench:model prints it', () => {
    // prettier pads the cells
    const cells = (text: string): string => text.replace(/ +/g, ' ').replace(/-+/g, '-');
    const document = readFileSync(resolve(__dirname, '../../../docs/performance.md'), 'utf8');
    expect(cells(document)).toContain(cells(loadTable()));
  });

  it('counts three FHIR requests for a study, and two more for each new Patient, as far as studies do not share them', () => {
    expect(forecast(LOAD).fhirRequests).toBe(3000);
    expect(forecast({ ...LOAD, newPatients: 0.5 }).fhirRequests).toBe(4000);
    expect(forecast({ ...LOAD, newPatients: 0.5, studiesPerRequest: 4 }).fhirRequests).toBe(1000);
  });

  it('counts three table operations for a message, over however many studies it is, one for each round, and locks', () => {
    const rounds = 20;
    expect(forecast(LOAD).tableOperations).toBe(3000 + rounds);
    expect(forecast({ ...LOAD, studiesPerMessage: 10 }).tableOperations).toBe(300 + rounds);
    expect(forecast({ ...LOAD, studiesPerMessage: 10, newPatients: 1 }).tableOperations).toBe(300 + 2000 + rounds);
  });

  it('counts 8 round trips for a study that is alone, 12 for a new Patient, and half a wait where studies of other messages may share a request', () => {
    const alone = { messagesAtOnce: 1, studiesPerMessage: 1, newPatients: 0 };
    expect(tripsOf(alone).message).toBe(8);
    expect(tripsOf({ ...alone, newPatients: 1 }).message).toBe(12);
    expect(tripsOf({ ...alone, newPatients: 1, studiesPerMessage: 20 })).toEqual({ message: 12, look: 7 });
    expect(tripsOf({ ...alone, messagesAtOnce: 24 }).message).toBe(9.5);
  });

  describe('the rate of the workers', () => {
    const alone = { instances: 1, messagesAtOnce: 1, studiesPerMessage: 1, newPatients: 0, latencyMs: 20 };

    it('is that of messages that wait and compute, for all their studies at once', () => {
      expect(studiesPerSecond({ ...alone, cpuMsPerStudy: 40 })).toBe(5);
      expect(studiesPerSecond({ ...alone, instances: 3, cpuMsPerStudy: 40 })).toBe(15);
      expect(studiesPerSecond({ ...alone, studiesPerMessage: 10, cpuMsPerStudy: 4 })).toBe(50);
    });

    it('is bounded by the CPU time, and by the studies that are looked at at once', () => {
      const many = { ...alone, messagesAtOnce: 24, studiesPerMessage: 20 };
      expect(studiesPerSecond({ ...many, cpuMsPerStudy: 10 })).toBe(100);
      expect(studiesPerSecond({ ...many, cpuMsPerStudy: 0 })).toBeCloseTo(128 / (3 * 0.02));
    });
  });

  it('lets the puller make seven round trips a round, and one for each 32 messages', () => {
    const hours = (trips: number): number => (20 * trips * 20) / 3_600_000;
    expect(forecast({ ...LOAD, studySize: 200 }).pullHours).toBeCloseTo(hours(8));
    expect(forecast({ ...LOAD, studySize: 50 }).pullHours).toBeCloseTo(hours(11));
  });
});
