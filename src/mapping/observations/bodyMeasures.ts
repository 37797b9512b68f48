import type { Coding, Observation, Quantity } from 'fhir/r4';
import type { StudyKey } from '../../dicom/studyKey';
import { studyIdentifier } from '../identifiers';
import type { StudyFacts } from '../instanceFacts';
import { type PatientProjection, subjectKey } from '../patientProjection';
import { type Counted, pluralityOf } from '../plurality';
import { metaOf } from '../source';
import { LOINC_SYSTEM, OBSERVATION_CATEGORY_SYSTEM, UCUM_SYSTEM } from '../systems';
import type { ObservationProjection, ObservationReferences } from './observationProjection';

const HEIGHT: Coding = { system: LOINC_SYSTEM, code: '8302-2', display: 'Body height' };
const WEIGHT: Coding = { system: LOINC_SYSTEM, code: '29463-7', display: 'Body weight' };

/**
 * Height and weight as vital signs (FHIR R4, profiles bodyheight and bodyweight): what most instances of the study's patient say.
 * A validator takes an Observation of these codes for one of these profiles, so a phantom has none, nor has a study without a full date.
 */
export function bodyMeasures(
  study: StudyKey,
  patient: PatientProjection | undefined,
  facts: readonly Counted<StudyFacts>[],
  started: string | undefined,
): readonly ObservationProjection[] {
  if (patient === undefined || patient.isPhantom === true || !isFullDate(started)) return [];
  const own = facts.filter(
    ({ value }) => value.patient !== undefined && subjectKey(value.patient) === subjectKey(patient),
  );
  const size = pluralityOf(own, ({ patientSize }) => patientSize);
  const weight = pluralityOf(own, ({ patientWeight }) => patientWeight);
  return [
    ...(size === undefined ? [] : [vitalSign(study, HEIGHT, started, quantity(centimetres(size), 'cm'))]),
    ...(weight === undefined ? [] : [vitalSign(study, WEIGHT, started, quantity(weight, 'kg'))]),
  ];
}

function isFullDate(started: string | undefined): started is string {
  return started !== undefined && /^\d{4}-\d\d-\d\d/.test(started);
}

/** The profile has no metres. Digits that only the multiplication makes are cut off. */
function centimetres(metres: number): number {
  return Number((metres * 100).toPrecision(12));
}

function quantity(value: number, code: string): Quantity {
  return { value, unit: code, system: UCUM_SYSTEM, code };
}

function vitalSign(study: StudyKey, code: Coding, started: string, valueQuantity: Quantity): ObservationProjection {
  const key = [studyIdentifier(study.uid)];
  const build = ({ subject, study: imagingStudy, source }: ObservationReferences): Observation => ({
    resourceType: 'Observation',
    meta: metaOf(source),
    identifier: key,
    partOf: [imagingStudy],
    status: 'final',
    category: [{ coding: [{ system: OBSERVATION_CATEGORY_SYSTEM, code: 'vital-signs' }] }],
    code: { coding: [code] },
    subject,
    effectiveDateTime: started,
    valueQuantity,
  });
  return { key, code, build };
}
