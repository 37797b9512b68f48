import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('health', {
  methods: ['GET'],
  route: 'health',
  authLevel: 'function',
  handler: (request, context) => handlers.health(request, context),
});
