import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('start-reconcile', {
  methods: ['POST'],
  route: 'reconcile',
  authLevel: 'function',
  handler: (request, context) => handlers.startReconcile(request, context),
});
