import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('create-payload-container', {
  methods: ['PUT'],
  route: 'payload-container',
  authLevel: 'function',
  handler: (request, context) => handlers.createPayloadContainer(request, context),
});
