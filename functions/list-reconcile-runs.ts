import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('list-reconcile-runs', {
  methods: ['GET'],
  route: 'reconcile',
  authLevel: 'function',
  handler: (request, context) => handlers.listReconcileRuns(request, context),
});
