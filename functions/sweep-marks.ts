import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.timer('sweep-marks', {
  schedule: '%MARK_SWEEP_SCHEDULE%',
  handler: (_timer, context) => handlers.sweepMarks(context),
});
