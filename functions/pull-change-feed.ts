import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.timer('pull-change-feed', {
  schedule: '%CHANGE_FEED_SCHEDULE%',
  handler: (_timer, context) => handlers.pullChangeFeed(context),
});
