import { readDataset } from '../../../src/dicom/dataset';
import { Attribute } from '../../../src/dicom/attributes';
import { similarDatasets } from '../../../src/dicom/similarDatasets';
import { textValue } from '../../../src/dicom/text';
import { counted, plurality, pluralityOf } from '../../../src/mapping/plurality';
import { projectStudy } from '../../../src/mapping/projectStudy';
import { instanceReader, readInstance, type ValidInstance } from '../../../src/mapping/readInstance';
import { sharedReading } from '../../../src/mapping/sharedReading';
import { ctInstance, element, testUid } from '../../support/instances';
import { defaultMappingOptions as options } from '../../../src/mapping/options';
import { STUDY_UID } from '../../support/mapping';

const described = (description: string, more: object = {}) =>
  readDataset({ '00081030': element('LO', description), ...more });

describe('a reading that instances share', () => {
  const read = () => {
    const seen: string[] = [];
    const reader = sharedReading((dataset) => {
      const text = textValue(dataset, Attribute.StudyDescription).value ?? '';
      seen.push(text);
      return { text, station: text === 'CT' ? textValue(dataset, Attribute.StudyID).value : undefined };
    });
    return { reader, seen };
  };

  it('is the same object for instances that say the same where it looked, whatever else they say', () => {
    const { reader, seen } = read();
    const first = reader(described('MR', { '00200013': element('IS', 1), '00200010': element('SH', 'a') }));
    const second = reader(described('MR', { '00200013': element('IS', 2), '00200010': element('SH', 'b') }));
    expect(second).toBe(first);
    expect(seen).toEqual(['MR']);
  });

  it.each([
    ['in a value', described('MR')],
    ['in a value that was looked for because of another', described('CT', { '00200010': element('SH', 'b') })],
    ['in the absence of a value', readDataset({})],
    ['in the representation', readDataset({ '00081030': element('UN', 'CT') })],
  ])('is read anew for an instance that differs %s', (_, other) => {
    const { reader } = read();
    const first = reader(described('CT', { '00200010': element('SH', 'a') }));
    expect(reader(other)).not.toBe(first);
  });
});

describe('the instances of one study, read one after the other', () => {
  const instances = Array.from({ length: 60 }, (_, index) =>
    ctInstance({
      instance: testUid(1, 1 + (index % 12), index),
      '00081030': element('LO', index % 7 === 0 ? 'Thorax' : 'Abdomen'),
      '00100040': element('CS', index % 5 === 0 ? 'f' : 'F'),
      '00200011': element('IS', index % 12),
    }),
  );

  it('give what each gives by itself, and the same projection', () => {
    const alone = instances.map((json) => readInstance(readDataset(json), options));
    const together = instances.map((json) => readDataset(json)).map(instanceReader(options));
    expect(together).toEqual(alone);
    // As they are read from a DICOM service: each a copy of the one before, with the elements replaced that differ.
    const parser = similarDatasets();
    const copies = instances.map((json) => parser.parse(Buffer.from(JSON.stringify(json)))!);
    expect(copies.map(instanceReader(options))).toEqual(alone);
    const project = (readings: typeof alone) =>
      projectStudy(
        { partition: 'Microsoft.Default', uid: STUDY_UID },
        readings.filter((reading): reading is ValidInstance => reading.kind === 'valid'),
        options,
      );
    expect(JSON.stringify(project(together))).toBe(JSON.stringify(project(alone)));
  });
});

describe('a plurality of shared objects', () => {
  it('counts each as often as it is there', () => {
    const [a, b] = [{ text: 'a' }, { text: 'b' }];
    const objects = [a, b, b, a, b];
    expect(pluralityOf(counted(objects), ({ text }) => text)).toBe('b');
    expect(plurality(objects.map(({ text }) => text))).toBe('b');
  });
});
