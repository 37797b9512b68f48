import type { z } from 'zod';
import { problemAnswer } from './answers';

/** One answer of a route. */
export interface AnswerDescription {
  readonly description: string;
  /** By media type; none: the answer has no body. */
  readonly content?: Readonly<Record<string, z.ZodType>>;
  /** By name, what the header tells. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** One route of the HTTP API, in the words of its schemas: from it comes the OpenAPI description. */
export interface RouteDescription {
  /** Name of the function behind it, in functions/. */
  readonly function: string;
  /** Where the function has several: a path with an optional part is two paths of OpenAPI. */
  readonly operationId?: string;
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** Below /api. */
  readonly path: string;
  readonly tag: 'Cast' | 'Reconcile' | 'Description';
  readonly summary: string;
  readonly parameters?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: { readonly schema: z.ZodType; readonly required: boolean };
  readonly answers: Readonly<Record<number, AnswerDescription>>;
}

export const json = (description: string, schema: z.ZodType): AnswerDescription => ({
  description,
  content: { 'application/json': schema },
});

export const problem = (description: string): AnswerDescription => ({
  description,
  content: { 'application/problem+json': problemAnswer },
});

export const wrongInput = { 400: problem('The request is wrong; errors names every wrong field.') } as const;
export const wrongBody = { ...wrongInput, 413: problem('The body has more than 64 KiB.') } as const;
