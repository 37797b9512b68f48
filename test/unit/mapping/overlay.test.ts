import type { ImagingStudy, Meta, Reference } from 'fhir/r4';
import { identifierKey } from '../../../src/mapping/identifiers';
import { emptyAdoptedStudy } from '../../../src/mapping/imagingStudy';
import { isAdopted, isOwnedBy } from '../../../src/mapping/source';
import { sameMeaning } from '../../../src/mapping/sameMeaning';
import { MADO_NUMBER_OF_FRAMES_EXTENSION } from '../../../src/mapping/systems';
import { dicomJson } from '../../support/dicomJson';
import { codeItem, ctInstance, element, testUid } from '../../support/instances';
import { REFERENCES, SOURCE, stored, STUDY_UID, studyOf } from '../../support/mapping';

const FULL = ctInstance({
  '00081032': element('SQ', codeItem('X1', '99ABC', 'Head CT')),
  '00081040': element('LO', 'Radiology'),
  '00081060': element('PN', { Alphabetic: 'Reader^Rob' }),
  '00081080': element('LO', 'Cough'),
});
/** The same instance after its owner emptied it. */
const BARE = ctInstance({
  '00080020': undefined,
  '00080050': undefined,
  '00080090': undefined,
  '00081030': undefined,
  '0008103E': undefined,
  '00180015': undefined,
});
const SINGLE = ['started', 'description', 'referrer', 'location'] as const;
const SEVERAL = ['basedOn', 'interpreter', 'procedureCode', 'reasonCode'] as const;

/** What an order system may have written before the first image came. */
const foreign: ImagingStudy = {
  resourceType: 'ImagingStudy',
  id: 'order-7',
  meta: { source: 'https://orders.example', tag: [{ system: 'https://orders.example/tags', code: 'planned' }] },
  identifier: [
    { use: 'official', system: 'urn:dicom:uid', value: `urn:oid:${STUDY_UID}` },
    { system: 'https://orders.example/studies', value: '7' },
  ],
  status: 'registered',
  subject: { reference: 'Patient/p', display: 'Jane Doe' },
  basedOn: [{ reference: 'ServiceRequest/r1' }],
  endpoint: [{ reference: 'Endpoint/other' }],
  note: [{ text: 'Call the ward' }],
  description: 'Planned CT',
  procedureReference: { reference: 'Procedure/q' },
  extension: [{ url: 'https://orders.example/x', valueString: 'y' }],
};

/** An order as others may name it. */
function logicalOrder(value: string, type?: string): Reference {
  const coding = [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: type }];
  return { type: 'ServiceRequest', identifier: { ...(type === undefined ? {} : { type: { coding } }), value } };
}

describe('a study of our own', () => {
  test('gets what is new and loses what is gone', () => {
    const before = stored(studyOf([FULL]));
    for (const element of [...SINGLE, ...SEVERAL]) expect(before).toHaveProperty(element);
    const after = studyOf([BARE], {}, before);
    for (const element of [...SINGLE, ...SEVERAL]) expect(after).not.toHaveProperty(element);
    expect(after.identifier).toHaveLength(1);
    expect(after.series?.[0]).not.toHaveProperty('description');
    expect(sameMeaning(after, studyOf([BARE]))).toBe(true);
  });

  test('is written only once: laid over itself it means the same', () => {
    const held = stored(studyOf([FULL]));
    expect(sameMeaning(held, studyOf([FULL], {}, held))).toBe(true);
    expect(isAdopted(studyOf([FULL], {}, held), SOURCE)).toBe(false);
  });

  test('keeps what others added to it', () => {
    const added = {
      identifier: { system: 'https://x.example', value: '1' },
      endpoint: { reference: 'Endpoint/other' },
      note: { text: 'Seen' },
      order: { reference: 'ServiceRequest/r1' },
      extension: [{ url: 'https://x.example/e', valueString: 'y' }],
    };
    const ours = stored(studyOf([FULL]));
    const held: ImagingStudy = {
      ...ours,
      identifier: [added.identifier, ...(ours.identifier ?? [])],
      endpoint: [added.endpoint, ...(ours.endpoint ?? [])],
      basedOn: [added.order, ...(ours.basedOn ?? [])],
      note: [added.note],
      extension: added.extension,
      procedureReference: { reference: 'Procedure/q' },
      encounter: { reference: 'Encounter/e' },
      text: { status: 'additional', div: '<div xmlns="http://www.w3.org/1999/xhtml">x</div>' },
      series: (ours.series ?? []).map((series) => ({
        ...series,
        extension: added.extension,
        endpoint: [added.endpoint],
        instance: (series.instance ?? []).map((instance) => ({ ...instance, extension: added.extension })),
      })),
    };
    const after = studyOf([FULL], {}, held);
    expect(sameMeaning(held, after)).toBe(true);
    expect(after).toMatchObject({ extension: added.extension, note: [added.note], text: held.text });
  });

  test.each([
    ['of the configured URL', { numberOfFramesExtension: 'https://h.example/frames' }, 'https://h.example/frames'],
    ['of MADO', {}, MADO_NUMBER_OF_FRAMES_EXTENSION],
  ])('loses the number of frames %s with the instance that had one, and no extension of others', (_, options, url) => {
    const other = { url: 'https://x.example/e', valueString: 'y' };
    const framed = studyOf([{ ...FULL, '00280008': element('IS', '20') }], { numberOfFramesExtension: url });
    const extensions = ({ series }: ImagingStudy): unknown => series?.[0]?.instance?.[0]?.extension;
    expect(extensions(framed)).toEqual([{ url, valueInteger: 20 }]);
    expect(extensions(studyOf([FULL], options, stored(framed)))).toBeUndefined();
    const held = stored(framed);
    held.series?.[0]?.instance?.[0]?.extension?.push(other);
    expect(extensions(studyOf([FULL], options, held))).toEqual([other]);
  });

  test('keeps logical orders of others, and forgets those that only DICOM named', () => {
    const theirs: Reference = { ...logicalOrder('R1'), display: 'Order of the ward' };
    const numbers = dicomJson({
      PlacerOrderNumberImagingServiceRequest: 'P7',
      FillerOrderNumberImagingServiceRequest: 'F7',
    });
    const ours = stored(studyOf([ctInstance({ '0040A370': element('SQ', numbers) })]));
    expect(ours.basedOn).toHaveLength(3);
    const held = { ...ours, basedOn: [...(ours.basedOn ?? []), theirs] };
    expect(studyOf([BARE], {}, held).basedOn).toEqual([theirs]);
  });

  test('keeps a reference that somebody found for an order of ours, also when DICOM no longer names it', () => {
    const ours = stored(studyOf([FULL]));
    const resolved = (ours.basedOn ?? []).map((order) => ({ ...order, reference: 'ServiceRequest/r1' }));
    expect(resolved).toHaveLength(1);
    const held = { ...ours, basedOn: resolved };
    expect(studyOf([FULL], {}, held).basedOn).toEqual(resolved);
    expect(studyOf([BARE], {}, held).basedOn).toEqual(resolved);
  });

  test('keeps what changes the meaning of a series or an instance', () => {
    const modifierExtension = [{ url: 'https://x.example/m', valueBoolean: true }];
    const ours = stored(studyOf([FULL]));
    const held: ImagingStudy = {
      ...ours,
      series: (ours.series ?? []).map((series) => ({
        ...series,
        modifierExtension,
        instance: (series.instance ?? []).map((instance) => ({ ...instance, modifierExtension })),
      })),
    };
    expect(sameMeaning(held, studyOf([FULL], {}, held))).toBe(true);
  });

  test('names its Endpoint in every series as long as the option is on, and those of others always', () => {
    const other = { reference: 'Endpoint/other' };
    const on = { retrieveLocationUid: '1.2.3' };
    const ours = stored(studyOf([FULL], on));
    expect(ours.series?.[0]?.endpoint).toEqual([REFERENCES.endpoint]);
    const held = {
      ...ours,
      series: ours.series?.map((series) => ({ ...series, endpoint: [other, REFERENCES.endpoint] })),
    };
    expect(sameMeaning(held, studyOf([FULL], on, held))).toBe(true);
    expect(studyOf([FULL], {}, held).series?.[0]?.endpoint).toEqual([other]);
    expect(studyOf([FULL], {}, ours).series?.[0]).not.toHaveProperty('endpoint');
  });

  test('refers once to an order that several of its numbers name', () => {
    const numbers = dicomJson({ PlacerOrderNumberImagingServiceRequest: 'P7' });
    const orders = new Map(['ACC-1', 'P7'].map((value) => [identifierKey({ value }), 'ServiceRequest/r1']));
    const { basedOn } = studyOf([ctInstance({ '0040A370': element('SQ', numbers) })], {}, undefined, orders);
    expect(basedOn).toMatchObject([{ reference: 'ServiceRequest/r1', identifier: { value: 'ACC-1' } }]);
  });

  test('moves to another patient, also to one of the same id on this server', () => {
    const ours = stored(studyOf([FULL]));
    expect(studyOf([FULL], {}, { ...ours, subject: { reference: 'Patient/old' } }).subject.reference).toBe('Patient/p');
    const elsewhere = { reference: 'https://other.example/fhir/Patient/p' };
    expect(studyOf([FULL], {}, { ...ours, subject: elsewhere }).subject.reference).toBe('Patient/p');
    const displayed = { reference: 'Patient/p', display: 'Jane' };
    expect(studyOf([FULL], {}, { ...ours, subject: displayed }).subject).toEqual(displayed);
  });

  test('forgets an admission that no instance names any more, but not the encounter of somebody else', () => {
    const admitted = ctInstance({ '00380010': element('LO', 'V1') });
    const held = stored(studyOf([admitted], { encounter: true }));
    expect(held.encounter).toMatchObject({ type: 'Encounter', identifier: { value: 'V1' } });
    expect(studyOf([ctInstance()], { encounter: true }, held)).not.toHaveProperty('encounter');
    const literal = { reference: 'Encounter/e' };
    expect(studyOf([ctInstance()], { encounter: true }, { ...held, encounter: literal }).encounter).toEqual(literal);
  });

  test('forgets the Study ID and the note when their options are off again', () => {
    const held = stored(studyOf([FULL], { studyIdIdentifier: true, studyDescriptionAsNote: true }));
    expect(held.note).toHaveLength(1);
    const after = studyOf([FULL], {}, held);
    expect(after).not.toHaveProperty('note');
    expect(sameMeaning(after, studyOf([FULL]))).toBe(true);
  });
});

describe("somebody else's study", () => {
  test('is adopted: marked as ours and as theirs, with their elements kept', () => {
    const adopted = studyOf([FULL], {}, foreign);
    expect([isOwnedBy(adopted, SOURCE), isAdopted(adopted, SOURCE)]).toEqual([true, true]);
    expect(adopted).toMatchObject({
      id: 'order-7',
      status: 'available',
      subject: foreign.subject,
      description: 'CT Thorax',
      note: foreign.note,
      extension: foreign.extension,
      procedureReference: foreign.procedureReference,
    });
    expect(adopted.meta?.tag).toContainEqual(foreign.meta?.tag?.[0]);
    expect(adopted.identifier).toContainEqual({ system: 'https://orders.example/studies', value: '7' });
    expect(adopted.identifier?.filter(({ system }) => system === 'urn:dicom:uid')).toMatchObject([{ use: 'official' }]);
    expect(adopted.basedOn).toContainEqual({ reference: 'ServiceRequest/r1' });
    expect(adopted.endpoint).toContainEqual({ reference: 'Endpoint/other' });
  });

  test('keeps its elements where DICOM has no value', () => {
    expect(studyOf([BARE], {}, foreign)).toMatchObject({
      description: 'Planned CT',
      basedOn: [{ reference: 'ServiceRequest/r1' }],
    });
  });

  test('stays adopted, and is written only once', () => {
    const held = stored(studyOf([FULL], {}, foreign), 'order-7');
    expect(isAdopted(studyOf([FULL], {}, held), SOURCE)).toBe(true);
    expect(sameMeaning(held, studyOf([FULL], {}, held))).toBe(true);
  });

  test('keeps its own accession number, which is neither written twice nor taken away', () => {
    const accession = { type: { coding: [{ code: 'ACSN' }] }, value: 'ACC-1' };
    const adopted = studyOf([FULL], {}, { ...foreign, identifier: [accession] });
    expect(adopted.identifier?.filter(({ value }) => value === 'ACC-1')).toEqual([accession]);
    expect(studyOf([BARE], {}, stored(adopted)).identifier).toContainEqual(accession);
  });

  test.each<[string, Reference]>([
    ['typed as an accession number', logicalOrder('ACC-1', 'ACSN')],
    ['without a type', logicalOrder('ACC-1')],
    ['beside the reference itself', { ...logicalOrder('ACC-1', 'ACSN'), reference: 'ServiceRequest/r1' }],
  ])('keeps its own order %s, which is neither written twice nor taken away', (_, order) => {
    const theirs = { ...order, display: 'Order of the ward' };
    const held = stored(studyOf([FULL], {}, { ...foreign, basedOn: [theirs] }));
    expect(held.basedOn).toEqual([theirs]);
    expect(sameMeaning(held, studyOf([FULL], {}, held))).toBe(true);
    expect(studyOf([BARE], {}, held).basedOn).toEqual([theirs]);
    expect(emptyAdoptedStudy(held, SOURCE).basedOn).toEqual([theirs]);
  });

  test('loses an order that was looked up when DICOM no longer names it, and never one that its owner refers to', () => {
    const orders = new Map([[identifierKey({ value: 'ACC-1' }), 'ServiceRequest/r2']]);
    const held = stored(studyOf([FULL], {}, foreign, orders), 'order-7');
    expect(held.basedOn?.map(({ reference }) => reference)).toEqual(['ServiceRequest/r2', 'ServiceRequest/r1']);
    expect(sameMeaning(held, studyOf([FULL], {}, held, orders))).toBe(true);
    expect(studyOf([BARE], {}, held, new Map()).basedOn).toEqual(foreign.basedOn);
    expect(emptyAdoptedStudy(held, SOURCE, true).basedOn).toEqual(foreign.basedOn);
    const same = new Map([[identifierKey({ value: 'ACC-1' }), 'ServiceRequest/r1']]);
    expect(studyOf([FULL], {}, foreign, same).basedOn).toEqual(foreign.basedOn);
  });

  test('does not take the same number in another role for the same order', () => {
    const placed = logicalOrder('ACC-1', 'PLAC');
    const held = stored(studyOf([FULL], {}, { ...foreign, basedOn: [placed] }));
    expect(held.basedOn).toHaveLength(2);
    expect(held.basedOn).toContainEqual(placed);
    expect(studyOf([BARE], {}, held).basedOn).toEqual([placed]);
  });

  test('keeps an accession number whose type is of another code system', () => {
    const type = {
      coding: [
        { system: 'https://orders.example/types', code: 'ACSN' },
        { system: 'http://dicom.nema.org/resources/ontology/DCM', code: '121022' },
      ],
    };
    const accession = { type, system: 'https://orders.example/accessions', value: '9' };
    expect(studyOf([FULL], {}, { ...foreign, identifier: [accession] }).identifier).toContainEqual(accession);
  });
});

describe('an adopted study without any live instance', () => {
  test('is registered without series, counts and identifiers of ours, and keeps the rest', () => {
    const options = { encounter: true, studyIdIdentifier: true, studyDescriptionAsNote: true };
    const instance = ctInstance({ '00380010': element('LO', 'V1') });
    const emptied = emptyAdoptedStudy(stored(studyOf([instance], options, foreign), 'order-7'), SOURCE);
    expect(emptied).toMatchObject({
      id: 'order-7',
      status: 'registered',
      numberOfSeries: 0,
      numberOfInstances: 0,
      basedOn: [{ reference: 'ServiceRequest/r1' }],
      note: foreign.note,
      procedureReference: foreign.procedureReference,
    });
    expect(emptied).not.toHaveProperty('series');
    expect(emptied).not.toHaveProperty('encounter');
    expect(emptied.identifier?.map(({ value }) => value)).toEqual([`urn:oid:${STUDY_UID}`, '7']);
    expect(isAdopted(emptied, SOURCE)).toBe(true);
  });

  test('is emptied once, and filled again when instances come back', () => {
    const full = studyOf([FULL], {}, foreign);
    const emptied = stored(emptyAdoptedStudy(stored(full), SOURCE));
    expect(sameMeaning(emptied, emptyAdoptedStudy(emptied, SOURCE))).toBe(true);
    expect(sameMeaning(full, studyOf([FULL], {}, emptied))).toBe(true);
  });
});

describe('orders and codes that several instances name', () => {
  test('an accession number whose issuer is named in two ways is one identifier and one order', () => {
    const issuer = (local: string) =>
      dicomJson({ LocalNamespaceEntityID: local, UniversalEntityID: '1.2.3', UniversalEntityIDType: 'ISO' });
    const study = studyOf(
      ['A', 'B'].map((local, index) =>
        ctInstance({ instance: testUid(1, 1, index), '00080051': element('SQ', issuer(local)) }),
      ),
    );
    expect(study.identifier).toHaveLength(2);
    expect(study.basedOn).toHaveLength(1);
  });

  test('an order that repeats the accession number without its issuer is the same order', () => {
    const issuer = dicomJson({ UniversalEntityID: '1.2.3', UniversalEntityIDType: 'ISO' });
    const order = dicomJson({
      AccessionNumber: 'ACC-1',
      RequestedProcedureCodeSequence: codeItem('P1', '99ABC', 'CT'),
    });
    const instance = ctInstance({ '00080051': element('SQ', issuer), '00400275': element('SQ', order) });
    const study = studyOf([instance]);
    expect(study.identifier?.slice(1)).toMatchObject([{ system: 'urn:oid:1.2.3', value: 'ACC-1' }]);
    expect(study.basedOn).toHaveLength(1);
    expect(study.procedureCode).toMatchObject([{ coding: [{ code: 'P1' }] }]);
  });

  test('placer and filler numbers are orders too', () => {
    const order = dicomJson({
      PlacerOrderNumberImagingServiceRequest: 'P7',
      FillerOrderNumberImagingServiceRequest: 'F7',
    });
    const study = studyOf([ctInstance({ '0040A370': element('SQ', order) })]);
    expect(study.basedOn?.map(({ identifier }) => [identifier?.type?.coding?.[0]?.code, identifier?.value])).toEqual([
      ['ACSN', 'ACC-1'],
      ['FILL', 'F7'],
      ['PLAC', 'P7'],
    ]);
  });
});

describe('profiles and tags', () => {
  test('of others stay beside ours', () => {
    const meta: Meta = { profile: ['https://x.example/p'], security: [{ code: 'R' }] };
    const after = studyOf([FULL], { imagingStudyProfiles: ['https://ours.example/p'] }, { ...foreign, meta });
    expect(after.meta).toMatchObject({
      profile: ['https://x.example/p', 'https://ours.example/p'],
      security: [{ code: 'R' }],
    });
  });
});
