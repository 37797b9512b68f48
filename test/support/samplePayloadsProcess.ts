import { startAzurite } from '../../local/azurite/azurite';
import { startEmbeddedDatabase } from '../../local/reconcile/embeddedDatabase';
import { startSamplePayloadStore } from '../../local/reconcile/samplePayloadStore';

/** Azurite and the sample payload store in a process of their own: PGlite does not run inside jest. Ends with SIGTERM. */
async function main(): Promise<void> {
  const azurite = await startAzurite();
  const store = await startSamplePayloadStore(azurite, await startEmbeddedDatabase());
  process.once('SIGTERM', () => {
    void Promise.all([store.stop(), azurite.stop()]).then(() => process.exit(0));
  });
  console.log(JSON.stringify({ connectionString: azurite.connectionString, settings: store.settings }));
}

void main();
