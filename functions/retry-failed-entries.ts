import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('retry-failed-entries', {
  methods: ['POST'],
  route: 'failed-entries/retry',
  authLevel: 'function',
  handler: (request, context) => handlers.retryFailedEntries(request, context),
});
