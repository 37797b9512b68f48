import { resourceUrl } from '../../../src/http/resourceUrl';

describe('a URL below a base URL', () => {
  it.each(['https://h.example/workspaces/w/dicom', 'https://h.example/workspaces/w/dicom/'])(
    'keeps the path of %s',
    (base) => {
      expect(resourceUrl(base, ['v1', 'changefeed'], 'limit=1')).toBe(
        'https://h.example/workspaces/w/dicom/v1/changefeed?limit=1',
      );
    },
  );

  it('encodes what would change the path', () => {
    expect(resourceUrl('https://h.example', ['a/b?c#d e%'])).toBe('https://h.example/a%2Fb%3Fc%23d%20e%25');
  });

  it.each(['', '.', '..'])('refuses the segment %p', (segment) => {
    expect(() => resourceUrl('https://h.example/a', [segment])).toThrow(RangeError);
  });
});
