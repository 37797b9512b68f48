import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('read-payload', {
  methods: ['GET'],
  route: 'payloads/{type}/{id}/{version?}/{key?}',
  authLevel: 'function',
  handler: (request, context) => handlers.readPayload(request, context),
});
