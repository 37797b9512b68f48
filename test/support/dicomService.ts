import { type DicomService, type DicomServiceOptions, startDicomService } from '../../local/dicom/dicomService';

/** One DICOM service for each test of a file or `describe`. Reach it only inside hooks and tests. */
export function useDicomService(options?: DicomServiceOptions): { readonly service: DicomService } {
  let running: DicomService | undefined;
  beforeEach(async () => {
    running = await startDicomService(options);
  });
  afterEach(async () => {
    await running?.stop();
  });
  return {
    get service() {
      if (running === undefined) throw new Error('The DICOM service runs only inside hooks and tests');
      return running;
    },
  };
}
