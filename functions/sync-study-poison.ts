import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.storageQueue('sync-study-poison', {
  queueName: 'study-changes-poison',
  connection: 'AzureWebJobsStorage',
  handler: (message, context) => handlers.syncStudyPoison(message, context),
});
