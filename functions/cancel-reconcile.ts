import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('cancel-reconcile', {
  methods: ['POST'],
  route: 'reconcile/{runId}/cancel',
  authLevel: 'function',
  handler: (request, context) => handlers.cancelReconcile(request, context),
});
