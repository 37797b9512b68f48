import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImagingStudy, Patient } from 'fhir/r4';
import type { DicomService } from '../../local/dicom/dicomService';
import type { DicomJson } from '../../local/dicom/dicomJson';
import type { LocalFhirServer } from '../../local/fhir';
import { ctInstance, element, uidsOfOneShard } from '../support/instances';
import type { Random } from './random';

export const PATIENT_SYSTEM = 'urn:oid:1.2.3.4';
export const PARTITIONS = ['Microsoft.Default', 'clinic-b'] as const;

interface HistoryStudy {
  readonly partition: string;
  readonly uid: string;
  patientId: string;
}

/** A slot of the small world: what may be stored there. */
interface Slot {
  readonly study: HistoryStudy;
  readonly series: string;
  readonly instance: string;
  readonly dose: boolean;
}

/** An order system's study that was there at some time, and what nobody may take from it. */
export interface ForeignStudy {
  readonly id: string;
  readonly uid: string;
  readonly note: string;
}

const PATIENTS = ['P-1', 'P-2', 'P-3'];
const DESCRIPTIONS = ['CT Thorax', 'CT Abdomen', 'CT Head'];

/** What happens in the hospital: seeded acts on the DICOM service, and now and then somebody else's on the FHIR server. */
export class History {
  readonly studies: readonly HistoryStudy[];
  readonly foreign: ForeignStudy[] = [];
  /** Somebody's telephone number on a Patient: Cast must not lose it. */
  readonly phones = new Map<string, string>();
  /** Entries of the feed that cannot be read. */
  readonly brokenSequences = new Set<number>();
  private lost: Slot | undefined;
  private last: Slot | undefined;
  private readonly slots: readonly Slot[];

  constructor(
    private readonly random: Random,
    private readonly dicom: DicomService,
    private readonly fhir: LocalFhirServer,
    { dose }: { readonly dose: boolean },
  ) {
    // The same study UID in two partitions: two studies that must not mix. Those of the first share messages and marks.
    const [one = '', two = '', three = ''] = uidsOfOneShard(3, PARTITIONS[0]);
    this.studies = [
      { partition: PARTITIONS[0], uid: one },
      { partition: PARTITIONS[1], uid: one },
      { partition: PARTITIONS[0], uid: two },
      { partition: PARTITIONS[0], uid: three },
    ]
      .slice(0, random.pick([1, 1, 2, 2, 3, 4]))
      .map((study) => ({ ...study, patientId: random.pick(PATIENTS) }));
    this.slots = this.studies.flatMap((study) => [
      ...[1, 2].flatMap((series) =>
        [1, 2].map((instance) => ({
          study,
          series: `${study.uid}.${series}`,
          instance: `${study.uid}.${series}.${instance}`,
          dose: false,
        })),
      ),
      ...(dose ? [{ study, series: `${study.uid}.9`, instance: `${study.uid}.9.1`, dose: true }] : []),
    ]);
  }

  /** Whether the feed can show these entries. */
  isBroken(after: number, width: number): boolean {
    return [...this.brokenSequences].some((sequence) => sequence > after && sequence <= after + width);
  }

  /** Does one thing. @returns what it was */
  act(): string {
    if (this.lost !== undefined && this.random.chance(0.3)) return this.find();
    return this.random.weighted<() => string>([
      { weight: 8, value: () => this.store() },
      { weight: 6, value: () => this.undo() },
      { weight: 3, value: () => this.deleteInstance() },
      { weight: 1, value: () => this.deleteSeries() },
      { weight: 2, value: () => this.deleteStudy() },
      { weight: 3, value: () => this.describe() },
      { weight: 3, value: () => this.associate() },
      { weight: 1, value: () => this.skip() },
      { weight: 1, value: () => this.putForeignStudy() },
      { weight: 1, value: () => this.editPatient() },
      { weight: 1, value: () => this.breakEntry() },
      { weight: 1, value: () => this.loseMetadata() },
    ])();
  }

  /** Back to what was before the last act: a pass that comes late has then seen what is no longer true. */
  private undo(): string {
    const { last } = this;
    if (last === undefined) return this.store();
    if (this.liveIn(last) === undefined) return this.put(last, 'valid');
    this.dicom.deleteInstance(last.study.uid, last.series, last.instance, last.study.partition);
    return `delete ${last.instance} in ${last.study.partition} again`;
  }

  private store(): string {
    const free = this.slots.filter((slot) => this.liveIn(slot) === undefined);
    if (free.length === 0) return this.deleteStudy();
    const slot = this.random.pick(free);
    const kind = this.random.weighted([
      { weight: 16, value: 'valid' as const },
      { weight: 3, value: 'without PatientID' as const },
      { weight: 2, value: 'with a bad birth date' as const },
    ]);
    return this.put(slot, kind);
  }

  private put(slot: Slot, kind: string): string {
    this.last = slot;
    this.dicom.store(slot.dose ? this.doseReport(slot, kind) : this.image(slot, kind), slot.study.partition);
    return `store ${slot.instance} in ${slot.study.partition} for ${slot.study.patientId}, ${kind}${slot.dose ? ', dose report' : ''}`;
  }

  private image({ study, series, instance }: Slot, kind: string): DicomJson {
    return ctInstance({
      study: study.uid,
      series,
      instance,
      patientId: study.patientId,
      seriesNumber: Number(series.split('.').at(-1)),
      instanceNumber: Number(instance.split('.').at(-1)),
      '00081030': element('LO', this.random.pick(DESCRIPTIONS)),
      ...(kind === 'without PatientID' && { '00100020': undefined }),
      ...(kind === 'with a bad birth date' && { '00100030': element('DA', 'yesterday') }),
    });
  }

  private doseReport({ study, series, instance }: Slot, kind: string): DicomJson {
    const { '00100020': _patientId, ...report } = this.random.pick(doseReports());
    return {
      ...report,
      '00080018': element('UI', instance),
      '0020000D': element('UI', study.uid),
      '0020000E': element('UI', series),
      ...(kind !== 'without PatientID' && { '00100020': element('LO', study.patientId) }),
      ...(kind === 'with a bad birth date' && { '00100030': element('DA', 'yesterday') }),
    };
  }

  private deleteInstance(): string {
    const slot = this.someLive();
    if (slot === undefined) return this.store();
    this.last = slot;
    this.dicom.deleteInstance(slot.study.uid, slot.series, slot.instance, slot.study.partition);
    return `delete ${slot.instance} in ${slot.study.partition}`;
  }

  private deleteSeries(): string {
    const slot = this.someLive();
    if (slot === undefined) return this.store();
    this.dicom.deleteSeries(slot.study.uid, slot.series, slot.study.partition);
    return `delete series ${slot.series} in ${slot.study.partition}`;
  }

  private deleteStudy(): string {
    const slot = this.someLive();
    if (slot === undefined) return this.store();
    this.dicom.deleteStudy(slot.study.uid, slot.study.partition);
    return `delete study ${slot.study.uid} in ${slot.study.partition}`;
  }

  private describe(): string {
    const slot = this.someLive();
    if (slot === undefined) return this.store();
    const description = this.random.pick(DESCRIPTIONS);
    this.dicom.update(slot.study.uid, { '00081030': element('LO', description) }, slot.study.partition);
    return `update ${slot.study.uid} in ${slot.study.partition}: ${description}`;
  }

  /** The study belongs to another patient; instances without PatientID get one. */
  private associate(): string {
    const slot = this.someLive();
    if (slot === undefined) return this.store();
    const { study } = slot;
    study.patientId = this.random.pick(PATIENTS);
    this.dicom.update(study.uid, { '00100020': element('LO', study.patientId) }, study.partition);
    return `update ${study.uid} in ${study.partition}: belongs to ${study.patientId}`;
  }

  private skip(): string {
    const count = this.random.between(1, 150);
    this.dicom.skipSequences(count);
    return `the feed leaves out ${count} sequences`;
  }

  private putForeignStudy(): string {
    const { uid } = this.random.pick(this.studies);
    if (this.foreign.some((foreign) => foreign.uid === uid)) return this.store();
    const note = `order of ${uid}`;
    const { id } = this.fhir.put<ImagingStudy>({
      resourceType: 'ImagingStudy',
      identifier: [
        { system: 'urn:dicom:uid', value: `urn:oid:${uid}` },
        { system: 'urn:oid:2.999.1', value: 'ORDER-1' },
      ],
      status: 'registered',
      subject: { reference: `Patient/${this.orderPatient()}` },
      note: [{ text: note }],
    });
    this.foreign.push({ id: id ?? '', uid, note });
    return `an order system puts ImagingStudy/${id ?? ''} for ${uid}`;
  }

  private orderPatient(): string {
    const known = this.fhir.read<Patient>('Patient', 'order-patient');
    return known?.id ?? this.fhir.put<Patient>({ resourceType: 'Patient', id: 'order-patient' }).id ?? '';
  }

  private editPatient(): string {
    const patients = this.fhir.all<Patient>('Patient').filter(({ id }) => id !== 'order-patient');
    if (patients.length === 0) return this.store();
    const patient = this.random.pick(patients);
    const phone = String(this.random.between(1000, 9999));
    this.fhir.put<Patient>({ ...patient, telecom: [{ system: 'phone', value: phone }] });
    this.phones.set(patient.id ?? '', phone);
    return `somebody gives Patient/${patient.id ?? ''} a telephone number`;
  }

  /** The next entry of the feed cannot be read, and spoils every page that holds it. */
  private breakEntry(): string {
    if (this.brokenSequences.size > 1) return this.store();
    const sequence = this.dicom.latestSequence + 1;
    this.brokenSequences.add(sequence);
    return `from now on the feed answers 500 where entry ${sequence} is`;
  }

  private loseMetadata(): string {
    const slot = this.someLive();
    if (slot === undefined || this.lost !== undefined) return this.find();
    this.lost = slot;
    this.dicom.loseMetadata(keyOf(slot), slot.study.partition);
    return `the metadata of ${slot.instance} in ${slot.study.partition} cannot be read any more`;
  }

  private find(): string {
    const { lost } = this;
    if (lost === undefined) return this.store();
    this.lost = undefined;
    this.dicom.loseMetadata(keyOf(lost), lost.study.partition, false);
    return `the metadata of ${lost.instance} in ${lost.study.partition} can be read again`;
  }

  /** What is broken in the DICOM service is repaired. */
  repair(): void {
    this.brokenSequences.clear();
    if (this.lost !== undefined) this.find();
  }

  private someLive(): Slot | undefined {
    const live = this.slots.filter((slot) => this.liveIn(slot) !== undefined);
    return live.length === 0 ? undefined : this.random.pick(live);
  }

  private liveIn({ study, instance }: Slot): DicomJson | undefined {
    return this.dicom
      .liveInstances(study.partition, study.uid)
      .find((dataset) => dataset['00080018']?.Value?.[0] === instance);
  }
}

function keyOf({ study, series, instance }: Slot): { studyUid: string; seriesUid: string; instanceUid: string } {
  return { studyUid: study.uid, seriesUid: series, instanceUid: instance };
}

let reports: readonly DicomJson[] | undefined;

/** Two reports that give different Observations. */
function doseReports(): readonly DicomJson[] {
  reports ??= readFileSync(join(__dirname, '../fixtures/dose-reports/dose-reports.ndjson'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { name: string; dicom: DicomJson })
    .filter(({ name }) => name.startsWith('ct-'))
    .slice(0, 2)
    .map(({ dicom }) => dicom);
  return reports;
}
