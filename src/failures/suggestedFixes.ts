import type { ReasonCode } from './errorTypes';

/** What the person who runs the interface can do about it: shown with the failed entry, in the log and in the notification. */
export const suggestedFixes: Readonly<Record<ReasonCode, string>> = {
  ResourceConflict:
    'Another system kept changing the same FHIR resource. Usually nothing to do: retry the entry. If it comes back, find out which system writes to this Patient or ImagingStudy.',
  MultipleMatchingResources:
    'Search the FHIR server for the resource type and identifier named in the message, merge or delete all but one of the matches, then retry the entry.',
  FhirResourceValidation:
    'Read the resource named in the message: it has no id or no meta.versionId. Repair or delete it, check that the server keeps versions (CapabilityStatement versioning), then retry the entry.',
  TransactionFailed:
    'The FHIR server refused the data. The OperationOutcome in the message names the element and the rule: correct the profile, terminology or reference on the FHIR side (or the attribute in the DICOM instance), then retry the entry. Where the profile of dose summaries is unknown to it, install it there or set DOSE_SUMMARY_PROFILE=false.',
  InvalidFhirResponse:
    'The answer was no complete FHIR response. Check that the FHIR base URL points at the FHIR endpoint and that no proxy or gateway replaces or cuts its answers, look at the FHIR server log for this time, then retry the entry.',
  ServerTooBusy:
    'The service limits the request rate. Raise its capacity, or lower the number of studies that are synced at once (queue batchSize), then retry the entry.',
  ServerError:
    'The service failed by itself while it answers other requests. Look at its log for this time and operation id; when the cause is repaired, retry the entry.',
  RequestTimeout:
    'The service did not answer in time. Check its load and the size of the study, raise the request time-out if studies of this size are normal, then retry the entry.',
  ServiceUnavailable: 'The service or the gateway in front of it is down. Work goes on by itself when it is back.',
  ConnectionFailed:
    'The service cannot be reached. Check its address (base URL), DNS, firewall or private endpoint, and TLS certificate. Work goes on by itself when it answers.',
  AccessDenied:
    'The service refuses our identity. Check the role assignment of the managed identity (read and write), the audience or scope of the token, and the tenant. Work goes on by itself when access is granted.',
  OutageBudgetExceeded:
    'The service stayed down for longer than OUTAGE_BUDGET_HOURS. When it works again, retry all entries with this reason.',
  RequiredAttributeMissing:
    'Add the attribute named in the message in the source system (modality, RIS or worklist), then delete the instance and store it again, or use a bulk update. The new change is picked up by itself.',
  InvalidAttribute:
    'Correct the attribute named in the message in the source system, then delete the instance and store it again, or use a bulk update; or use partial validation, which leaves the attribute out.',
  MalformedMetadata:
    'The DICOM service answered metadata that is no DICOM JSON (PS3.18 F.2). Check the instance in the DICOM service, delete it and store it again.',
  InvalidDicomResponse:
    'The answer was no DICOM JSON. Check that the DICOM base URL points at the DICOMweb endpoint and that no proxy or gateway replaces or cuts its answers, then retry the entry.',
  DicomRequestRefused:
    'The DICOM service refused the request. Check the base URL, API version and data partition in the settings, then retry the entry.',
  UnreadableEntry:
    'This entry of the change feed cannot be read. Find the study that was stored or deleted at this sequence in the DICOM service and sync it by its Study Instance UID, then dismiss the entry.',
  UnreadableMessage:
    'The queue held a message that is no study message, written by hand or by another release. Sync the study by its Study Instance UID, then dismiss the entry.',
  Unconfirmed:
    'The work on this study ended without a result (crash, out of memory, time-out), so its changes may or may not be in FHIR. Retry the entry: it goes away when FHIR is confirmed to be right.',
  StorageRequestRefused:
    'The storage account of the app refused a request. Check that its tables and queues exist and that the identity of the app has the data roles for tables, queues and blobs, then retry the entry.',
  Unexpected:
    'Probably a defect of this app. Retry the entry once; if it comes back, report it with the message and the operation id.',
};
