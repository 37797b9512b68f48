import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('status', {
  methods: ['GET'],
  route: 'status',
  authLevel: 'function',
  handler: (request, context) => handlers.status(request, context),
});
