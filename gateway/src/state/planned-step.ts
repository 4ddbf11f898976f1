/** A step as planned, enough to show it. */
export interface PlannedStep {
  readonly id: string;
  readonly kind: string;
  readonly ordinal?: number;
  readonly region?: string;
}
