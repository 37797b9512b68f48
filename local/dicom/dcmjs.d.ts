/** dcmjs publishes no types; these are the parts of it that are used here. */
declare module 'dcmjs' {
  interface DcmjsElement {
    readonly vr: string;
    readonly Value?: readonly unknown[];
  }

  export const data: {
    readonly DicomMetaDictionary: {
      /** By `(GGGG,EEEE)`. Ambiguous VRs: `xs` (US or SS), `ox` (OB or OW), `lt` (US, SS or OW). */
      readonly dictionary: Readonly<Record<string, { readonly vr: string; readonly name: string } | undefined>>;
    };
    readonly DicomDict: new (meta: Readonly<Record<string, DcmjsElement>>) => {
      dict: Readonly<Record<string, DcmjsElement>>;
      /** A DICOM file: preamble, file meta information and data set. */
      write(options?: { readonly allowInvalidVRLength?: boolean }): ArrayBuffer;
    };
  };
  export const log: { setLevel(level: string): void };
}
