import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('request-study-sync', {
  methods: ['POST'],
  route: 'studies/{uid}/sync',
  authLevel: 'function',
  handler: (request, context) => handlers.syncStudyOnRequest(request, context),
});
