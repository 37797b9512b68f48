import { encodeQuery, escapeSearchText, tokenValue } from '../../../src/fhir/query';

const identifier = (system: string | undefined, value: string): string =>
  encodeQuery([['identifier', tokenValue(system, value)]]);

describe('a FHIR search query', () => {
  it('separates system and value by a percent-encoded bar', () => {
    expect(identifier('http://h.example/mrn', '123')).toBe('identifier=http%3A%2F%2Fh.example%2Fmrn%7C123');
  });

  it.each([
    ['A|B', 'A%5C%7CB'],
    ['A,B$C\\D', 'A%5C%2CB%5C%24C%5C%5CD'],
    ['A&B#C D+E%', 'A%26B%23C%20D%2BE%25'],
    ["it's (1)*!~", "it's%20(1)*!~"],
    ['größe 漢字', 'gr%C3%B6%C3%9Fe%20%E6%BC%A2%E5%AD%97'],
  ])('escapes %p for FHIR first, then for the URL', (value, encoded) => {
    expect(identifier('http://h.example/mrn', value)).toBe(`identifier=http%3A%2F%2Fh.example%2Fmrn%7C${encoded}`);
  });

  it('asks for identifiers without a system when there is no system', () => {
    expect(identifier(undefined, '123')).toBe('identifier=%7C123');
  });

  it('finds a study by its UID as a URN', () => {
    expect(identifier('urn:dicom:uid', 'urn:oid:1.2.3')).toBe('identifier=urn%3Adicom%3Auid%7Curn%3Aoid%3A1.2.3');
  });

  it('escapes a comma in an address used as an identifier', () => {
    expect(identifier('urn:ietf:rfc:3986', 'https://d.example/v2/partitions/p,1')).toBe(
      'identifier=urn%3Aietf%3Arfc%3A3986%7Chttps%3A%2F%2Fd.example%2Fv2%2Fpartitions%2Fp%5C%2C1',
    );
  });

  it('escapes in the system too', () => {
    expect(tokenValue('urn:a|b', 'c')).toBe('urn:a\\|b|c');
  });

  it('keeps the order of the parameters and encodes modifiers', () => {
    expect(
      encodeQuery([
        ['identifier', 'a|b'],
        ['_count', '50'],
        ['code:in', 'x'],
      ]),
    ).toBe('identifier=a%7Cb&_count=50&code%3Ain=x');
  });

  it('is empty without parameters', () => {
    expect(encodeQuery([])).toBe('');
  });

  it('does not fail on half of a surrogate pair', () => {
    expect(encodeQuery([['identifier', 'a\ud800']])).toBe('identifier=a%EF%BF%BD');
  });

  it('escapes a backslash once, not twice', () => {
    expect(escapeSearchText('\\|')).toBe('\\\\\\|');
  });
});
