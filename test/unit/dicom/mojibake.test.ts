import { Attribute } from '../../../src/dicom/attributes';
import { readDataset } from '../../../src/dicom/dataset';
import { isMojibake, mojibakeIssues } from '../../../src/dicom/mojibake';

describe('text that was decoded in the wrong character set', () => {
  it.each(['testÃ¦Ã¸Ã¥', 'MÃ¼ller^JÃ¼rgen', 'Ã\u0084rzte', 'å±±ç\u0094°'])('is told: %s', (text) => {
    expect(isMojibake(text)).toBe(true);
  });

  it.each(['Müller^Jürgen', 'Åse^Ørjan', 'Doe^John', '山田^太郎', 'آدم كوري', '', 'Señor^Ã', 'ÃØ'])(
    'is not suspected in what is right: %s',
    (text) => {
      expect(isMojibake(text)).toBe(false);
    },
  );

  it('is found in every group of a name, and in a name that is one string, without its content', () => {
    const issues = (value: unknown) =>
      mojibakeIssues(readDataset({ '00100010': { vr: 'PN', Value: [value] } }), Attribute.PatientName);
    expect(issues({ Alphabetic: 'Doe', Ideographic: 'MÃ¼ller' })).toMatchObject([{ keyword: 'PatientName' }]);
    expect(JSON.stringify(issues('MÃ¼ller'))).toMatch(/PatientName(?!.*ller)/);
    expect(issues({ Alphabetic: 'Müller' })).toEqual([]);
  });
});
