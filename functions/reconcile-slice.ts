import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.storageQueue('reconcile-slice', {
  queueName: 'reconcile-slices',
  connection: 'AzureWebJobsStorage',
  handler: (message, context) => handlers.reconcileSlice(message, context),
});
