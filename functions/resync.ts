import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('resync', {
  methods: ['POST'],
  route: 'resync',
  authLevel: 'function',
  handler: (request, context) => handlers.resync(request, context),
});
