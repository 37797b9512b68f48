import { app } from '@azure/functions';
import { handlers } from '../src/app';

app.hook.appTerminate(() => handlers.terminate());
