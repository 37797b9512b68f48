import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('restore-payloads', {
  methods: ['POST'],
  route: 'quarantine/restore',
  authLevel: 'function',
  handler: (request, context) => handlers.restorePayloads(request, context),
});
