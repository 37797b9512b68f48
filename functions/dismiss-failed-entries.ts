import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('dismiss-failed-entries', {
  methods: ['DELETE'],
  route: 'failed-entries',
  authLevel: 'function',
  handler: (request, context) => handlers.dismissFailedEntries(request, context),
});
