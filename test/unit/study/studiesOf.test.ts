import type { ImagingStudy } from 'fhir/r4';
import { SOURCE_TAG_SYSTEM } from '../../../src/mapping/source';
import { sources } from '../../../src/study/sources';
import { studiesOf } from '../../../src/study/studiesOf';

const SOURCES = sources('https://dicom.example', 'v2', true);
const study = (uid: string | undefined, address?: string): ImagingStudy => ({
  resourceType: 'ImagingStudy',
  status: 'available',
  subject: {},
  ...(address !== undefined && { meta: { tag: [{ system: SOURCE_TAG_SYSTEM, code: address }] } }),
  identifier: [
    { system: 'https://orders.example', value: 'urn:oid:9.9' },
    ...(uid === undefined ? [] : [{ system: 'urn:dicom:uid', value: uid }]),
  ],
});

describe('the studies that resources stand for', () => {
  it('are told with the partition that made them, each once', () => {
    const ward = SOURCES.of('ward 7/ä').address;
    expect(
      studiesOf(
        [
          study('urn:oid:1.2', SOURCES.of('Microsoft.Default').address),
          study('urn:oid:1.2', ward),
          study('urn:oid:1.2', ward),
        ],
        SOURCES,
      ),
    ).toEqual([
      { partition: 'Microsoft.Default', uid: '1.2' },
      { partition: 'ward 7/ä', uid: '1.2' },
    ]);
  });

  it('are not those of other installations, of order systems, or without a study UID', () => {
    expect(
      studiesOf(
        [
          study('urn:oid:1.2', 'https://elsewhere.example/v2'),
          study('urn:oid:1.2', 'https://dicom.example/v2-other'),
          study('urn:oid:1.3'),
          study(undefined, SOURCES.of('Microsoft.Default').address),
          study('1.4', SOURCES.of('Microsoft.Default').address),
        ],
        SOURCES,
      ),
    ).toEqual([]);
  });

  it('are not told by a tag that is no address of ours', () => {
    expect(studiesOf([study('urn:oid:1.2', 'https://dicom.example/v2/partitions/%E0%A4%A')], SOURCES)).toEqual([]);
  });
});
