import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.timer('sweep-reconcile', {
  schedule: '%RECONCILE_SWEEP_SCHEDULE%',
  handler: (_timer, context) => handlers.sweepReconcile(context),
});
