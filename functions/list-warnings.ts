import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('list-warnings', {
  methods: ['GET'],
  route: 'warnings',
  authLevel: 'function',
  handler: (request, context) => handlers.listWarnings(request, context),
});
