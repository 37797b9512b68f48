import type { DataIssue, Reading } from '../dicom/dataIssue';

/** Takes the values out of readings and keeps their issues. */
export class IssueCollector {
  private readonly collected: DataIssue[] = [];

  get issues(): readonly DataIssue[] {
    return this.collected;
  }

  take<T>({ value, issues }: Reading<T>): T {
    this.collected.push(...issues);
    return value;
  }

  add(...issues: readonly DataIssue[]): void {
    this.collected.push(...issues);
  }
}
