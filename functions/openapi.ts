import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('openapi', {
  methods: ['GET'],
  route: 'openapi.json',
  authLevel: 'function',
  handler: (request, context) => handlers.openapi(request, context),
});
