import { z } from 'zod';

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? unknown : never) : never;

/** The schema of an answer, held by the compiler to say neither more nor less than the type that the code answers with. */
export const answerOf =
  <T>() =>
  <S extends z.ZodType>(schema: S & Same<z.output<S>, T>): S =>
    schema;

/** As the code has its lists: readonly. */
export const list = <S extends z.ZodType>(item: S) => z.array(item).readonly();
