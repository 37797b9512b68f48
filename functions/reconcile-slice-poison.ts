import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.storageQueue('reconcile-slice-poison', {
  queueName: 'reconcile-slices-poison',
  connection: 'AzureWebJobsStorage',
  handler: (message, context) => handlers.reconcileSlicePoison(message, context),
});
