import type { Observation } from 'fhir/r4';
import type { MappingOptions } from '../../../../src/mapping/options';
import { ctInstance, element, testUid } from '../../../support/instances';
import { projection } from '../../../support/mapping';
import { references } from './doseReports';

type Overrides = NonNullable<Parameters<typeof ctInstance>[0]>;

/** What a study of these instances says of height and weight. */
function measures(instances: readonly Overrides[], options: Partial<MappingOptions> = {}): readonly Observation[] {
  const datasets = instances.map((overrides, index) =>
    ctInstance({ instance: testUid(1, 1, index + 1), ...overrides }),
  );
  const { observations } = projection(datasets, { heightAndWeight: true, ...options });
  return observations.map((each) => each.build(references));
}

const size = (value: unknown): Overrides => ({ '00101020': element('DS', value) });
const weight = (value: unknown): Overrides => ({ '00101030': element('DS', value) });
const values = (observations: readonly Observation[]): readonly unknown[] =>
  observations.map(({ valueQuantity }) => `${valueQuantity?.value} ${valueQuantity?.code}`);

describe('height and weight', () => {
  it.each([
    ['1.1', '110 cm'],
    ['1.83', '183 cm'],
    ['0.515', '51.5 cm'],
    ['3', '300 cm'],
  ])('are in the units of the vital signs profiles, without digits that nobody measured: %s m', (metres, expected) => {
    expect(values(measures([size(metres)]))).toEqual([expected]);
  });

  it.each(['0', '', '-1', '3.1', '175', 'tall'])('are left out where nobody has them: %s', (value) => {
    expect(measures([size(value)])).toEqual([]);
  });

  it('are what most instances of the patient of the study say', () => {
    const other = { patientId: 'OTHER', ...weight('12') } as const;
    expect(values(measures([weight('80'), weight('81'), weight('81'), {}]))).toEqual(['81 kg']);
    expect(values(measures([weight('80'), {}, {}, other, other]))).toEqual(['80 kg']);
  });

  it('are not those of a phantom, nor of nobody', () => {
    const phantom = { ...weight('20'), '00100200': element('CS', 'YES') } as const;
    expect(measures([phantom], { phantoms: 'device' })).toEqual([]);
    expect(measures([{ ...weight('20'), '00100020': undefined }], { missingPatientId: 'placeholder' })).toEqual([]);
  });

  it.each([
    ['20240115', 1],
    ['202401', 0],
    [undefined, 0],
  ])('need a full date, as the profiles do: %s', (date, count) => {
    const instance = { ...weight('80'), '00080020': date === undefined ? undefined : element('DA', date) };
    expect(measures([instance])).toHaveLength(count);
  });
});
