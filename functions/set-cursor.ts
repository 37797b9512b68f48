import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.http('set-cursor', {
  methods: ['PUT'],
  route: 'cursor',
  authLevel: 'function',
  handler: (request, context) => handlers.setCursor(request, context),
});
