import { HostStartError } from './errors';
import type { FunctionDefinition, HttpTrigger } from './functionDefinitions';
import { compareRoutes, parseRouteTemplate, type RouteTemplate } from './routes';

interface Route {
  readonly template: RouteTemplate;
  readonly trigger: HttpTrigger;
  readonly definition: FunctionDefinition;
}

export interface RouteMatch {
  readonly definition: FunctionDefinition;
  readonly trigger: HttpTrigger;
  readonly params: Readonly<Record<string, string>>;
}

/** Finds the function for a method and a path. */
export class HttpRouter {
  private readonly routes: readonly Route[];

  /** @throws {HostStartError} when a route cannot be read, or begins with `admin` or `runtime`, which the host keeps for itself. */
  constructor(definitions: readonly FunctionDefinition[], routePrefix: string) {
    const routes: Route[] = [];
    for (const definition of definitions) {
      const { trigger } = definition;
      if (trigger.kind !== 'http' || definition.isDisabled) continue;
      const text = [routePrefix, trigger.route.replace(/^\/+/, '')].filter((part) => part !== '').join('/');
      if (/^(?:admin|runtime)(?:\/|$)/i.test(trigger.route)) {
        throw new HostStartError(
          `Function ${definition.name}: the route "${trigger.route}" conflicts with the host's own`,
        );
      }
      routes.push({ template: parseRouteTemplate(text), trigger, definition });
    }
    this.routes = routes.sort((a, b) => compareRoutes(a.template, b.template));
  }

  /** A method that a route does not take makes it not fit at all: the answer is then 404, not 405. */
  find(method: string, path: string): RouteMatch | undefined {
    for (const { template, trigger, definition } of this.routes) {
      if (trigger.methods.length > 0 && !trigger.methods.includes(method.toUpperCase())) continue;
      const params = template.match(path);
      if (params !== undefined) return { definition, trigger, params };
    }
    return undefined;
  }
}
