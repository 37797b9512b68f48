import { DCM_SYSTEM, SNOMED_SYSTEM } from '../systems';

/** A concept of the dose report templates (PS3.16 TID 10001 to 10022), by the name that the standard gives it. */
export interface DoseConcept {
  readonly system: string;
  readonly code: string;
  readonly name: string;
}

const dcm = (code: string, name: string): DoseConcept => ({ system: DCM_SYSTEM, code, name });
const sct = (code: string, name: string): DoseConcept => ({ system: SNOMED_SYSTEM, code, name });

/** Keys are the standard's names; retired SNOMED-RT codes are translated before they are compared. */
export const Concept = {
  // reports
  XRayDoseReport: dcm('113701', 'X-Ray Radiation Dose Report'),
  RadiopharmaceuticalDoseReport: dcm('113500', 'Radiopharmaceutical Radiation Dose Report'),
  ProcedureReported: dcm('121058', 'Procedure reported'),
  StartOfIrradiation: dcm('113809', 'Start of X-Ray Irradiation'),
  PersonName: dcm('113870', 'Person Name'),
  PersonId: dcm('113871', 'Person ID'),
  PersonRoleInProcedure: dcm('113875', 'Person Role in Procedure'),
  IrradiationAuthorizing: dcm('113850', 'Irradiation Authorizing'),
  DeviceManufacturer: dcm('121014', 'Device Observer Manufacturer'),
  DeviceModelName: dcm('121015', 'Device Observer Model Name'),
  DeviceSerialNumber: dcm('121016', 'Device Observer Serial Number'),
  // accumulated dose
  AccumulatedXRayDose: dcm('113702', 'Accumulated X-Ray Dose Data'),
  AcquisitionPlane: dcm('113764', 'Acquisition Plane'),
  PlaneA: dcm('113620', 'Plane A'),
  PlaneB: dcm('113621', 'Plane B'),
  SinglePlane: dcm('113622', 'Single Plane'),
  DoseAreaProductTotal: dcm('113722', 'Dose Area Product Total'),
  DoseRpTotal: dcm('113725', 'Dose (RP) Total'),
  FluoroDoseAreaProductTotal: dcm('113726', 'Fluoro Dose Area Product Total'),
  AcquisitionDoseAreaProductTotal: dcm('113727', 'Acquisition Dose Area Product Total'),
  FluoroDoseRpTotal: dcm('113728', 'Fluoro Dose (RP) Total'),
  AcquisitionDoseRpTotal: dcm('113729', 'Acquisition Dose (RP) Total'),
  TotalFluoroTime: dcm('113730', 'Total Fluoro Time'),
  TotalFrames: dcm('113731', 'Total Number of Radiographic Frames'),
  TotalAcquisitionTime: dcm('113855', 'Total Acquisition Time'),
  AccumulatedGlandularDose: dcm('111637', 'Accumulated Average Glandular Dose'),
  CtAccumulatedDose: dcm('113811', 'CT Accumulated Dose Data'),
  CtTotalEvents: dcm('113812', 'Total Number of Irradiation Events'),
  CtDoseLengthProductTotal: dcm('113813', 'CT Dose Length Product Total'),
  CtDoseLengthProductSubTotal: dcm('130745', 'CT Dose Length Product Sub-Total'),
  EffectiveDose: dcm('113839', 'Effective Dose'),
  // irradiation events
  CtAcquisition: dcm('113819', 'CT Acquisition'),
  XRayEvent: dcm('113706', 'Irradiation Event X-Ray Data'),
  IrradiationEventUid: dcm('113769', 'Irradiation Event UID'),
  DateTimeStarted: dcm('111526', 'DateTime Started'),
  TargetRegion: dcm('123014', 'Target Region'),
  Laterality: sct('272741003', 'Laterality'),
  CtDose: dcm('113829', 'CT Dose'),
  MeanCtdiVol: dcm('113830', 'Mean CTDIvol'),
  DoseLengthProduct: dcm('113838', 'DLP'),
  PhantomType: dcm('113835', 'CTDIw Phantom Type'),
  CtAcquisitionType: dcm('113820', 'CT Acquisition Type'),
  DoseRp: dcm('113738', 'Dose (RP)'),
  DoseAreaProduct: dcm('122130', 'Dose Area Product'),
  GlandularDose: dcm('111631', 'Average Glandular Dose'),
  EventType: dcm('113721', 'Irradiation Event Type'),
  // radiopharmaceuticals
  Administration: dcm('113502', 'Radiopharmaceutical Administration'),
  AdministrationEventUid: dcm('113503', 'Radiopharmaceutical Administration Event UID'),
  AdministrationStart: dcm('123003', 'Radiopharmaceutical Start DateTime'),
  AdministeredActivity: dcm('113507', 'Administered activity'),
  RadiopharmaceuticalVolume: dcm('123005', 'Radiopharmaceutical Volume'),
  RadiopharmaceuticalAgent: sct('349358000', 'Radiopharmaceutical agent'),
  Radionuclide: sct('89457008', 'Radionuclide'),
  RouteOfAdministration: sct('410675002', 'Route of administration'),
  // numeric value qualifiers (CID 42)
  NotANumber: dcm('114000', 'Not a number'),
  NegativeInfinity: dcm('114001', 'Negative Infinity'),
  PositiveInfinity: dcm('114002', 'Positive Infinity'),
  DivideByZero: dcm('114003', 'Divide by zero'),
  MeasurementFailure: dcm('114006', 'Measurement failure'),
  MeasurementNotAttempted: dcm('114007', 'Measurement not attempted'),
  CalculationFailure: dcm('114008', 'Calculation failure'),
} as const satisfies Readonly<Record<string, DoseConcept>>;

/** @returns the text that `conceptKey` gives for this concept */
export function keyOf({ system, code }: DoseConcept): string {
  return `${system}|${code}`;
}
