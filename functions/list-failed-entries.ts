import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('list-failed-entries', {
  methods: ['GET'],
  route: 'failed-entries',
  authLevel: 'function',
  handler: (request, context) => handlers.listFailedEntries(request, context),
});
