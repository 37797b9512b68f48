import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('read-reconcile-report', {
  methods: ['GET'],
  route: 'reconcile/{runId}/report',
  authLevel: 'function',
  handler: (request, context) => handlers.readReconcileReport(request, context),
});
