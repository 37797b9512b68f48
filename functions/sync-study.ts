import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.storageQueue('sync-study', {
  queueName: 'study-changes',
  connection: 'AzureWebJobsStorage',
  handler: (message, context) => handlers.syncStudy(message, context),
});
