import { acquisitionModalities } from '../../../src/dicom/tables/acquisitionModalities';
import { bodyPartCode, bodyPartCounts } from '../../../src/dicom/tables/bodyParts';
import { codingScheme } from '../../../src/dicom/tables/codingSchemes';
import { currentSnomedCode, retiredSnomedCount } from '../../../src/dicom/tables/retiredSnomed';

describe('tables of the standard', () => {
  test('acquisition modalities are the 51 codes of CID 29, without documents and segmentations', () => {
    expect(acquisitionModalities.size).toBe(51);
    for (const code of ['CT', 'MR', 'US', 'PT', 'DX']) expect(acquisitionModalities.has(code)).toBe(true);
    for (const code of ['SR', 'KO', 'PR', 'SEG']) expect(acquisitionModalities.has(code)).toBe(false);
  });

  test('body parts have their SNOMED CT code, as far as they have one', () => {
    expect(bodyPartCounts()).toEqual({ terms: 347, withoutCode: 6 });
    expect(bodyPartCode('CHEST')).toBe('43799004');
    expect(bodyPartCode('head')).toBe('69536005');
    expect(bodyPartCode('HEAD NECK')).toBe('774007');
    expect(bodyPartCode('KNEE_X')).toBeUndefined();
    expect(bodyPartCode('FETALARM')).toBeUndefined();
  });

  test('retired SNOMED identifiers have a successor', () => {
    expect(retiredSnomedCount()).toBe(7990 + 10);
    expect(currentSnomedCode('T-B7000')).toBe('111002');
    expect(currentSnomedCode('T-62002')).toBe('10200004');
    expect(currentSnomedCode('C-127F9')).toBe('66925006');
    expect(currentSnomedCode('constructor')).toBeUndefined();
  });

  test('designators are understood in any case, private ones are not', () => {
    expect(codingScheme('ncit')?.system).toBe('http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl');
    expect(codingScheme('99ABC')).toBeUndefined();
    expect(codingScheme('constructor')).toBeUndefined();
    expect(codingScheme(undefined)).toBeUndefined();
  });
});
