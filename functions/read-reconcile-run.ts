import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('read-reconcile-run', {
  methods: ['GET'],
  route: 'reconcile/{runId}',
  authLevel: 'function',
  handler: (request, context) => handlers.readReconcileRun(request, context),
});
