import { credit } from '../../../bench/cast/credit';
import { addTraffic, totalOf } from '../../../bench/cast/fhirTraffic';

const studies = Array.from({ length: 10 }, (_, index) => index + 1);

describe('the credit of the floor', () => {
  it('makes as many requests as there were for the studies on average, each about the studies since the last one', () => {
    const share = credit<number>(0.3);
    const sent = studies.flatMap((study) => share.due(study));
    expect(sent).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7],
      [8, 9, 10],
    ]);
  });

  it('makes several where a study needed several', () => {
    const share = credit<number>(2.5);
    expect(studies.map((study) => share.due(study).length)).toEqual([2, 3, 2, 3, 2, 3, 2, 3, 2, 3]);
  });

  it('names a study once that was looked at several times', () => {
    const share = credit<string>(0.5);
    expect([...share.due('a'), ...share.due('a')]).toEqual([['a']]);
  });
});

describe('traffic with the FHIR server', () => {
  const some = { requests: 1, urlLength: 40, sent: 0, received: 200 };

  it('is added up kind by kind over the parts of a run, and over the kinds', () => {
    const sum = addTraffic([{ 'GET Patient': some }, { 'GET Patient': some, 'POST ': { ...some, sent: 7 } }]);
    expect(sum).toEqual({
      'GET Patient': { requests: 2, urlLength: 80, sent: 0, received: 400 },
      'POST ': { requests: 1, urlLength: 40, sent: 7, received: 200 },
    });
    expect(totalOf(sum)).toEqual({ requests: 3, urlLength: 120, sent: 7, received: 600 });
  });
});
