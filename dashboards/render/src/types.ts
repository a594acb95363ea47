import type { DataTransformerConfig, FieldConfigSource } from '@grafana/data';

/** One query of a panel, as the dashboard holds it, with its answer from Prometheus. */
export interface Answer {
  refId: string;
  legend: string;
  table: boolean;
  stepSeconds: number;
  result: Series[];
}

/** A series as Prometheus' HTTP API gives it: `value` of an instant query, `values` of a range. */
export interface Series {
  metric: Record<string, string>;
  value?: [number, string];
  values?: Array<[number, string]>;
}

export interface GridPos {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** A panel of the dashboard with what it shows. */
export interface PanelJob {
  id: number;
  type: string;
  title: string;
  description: string;
  gridPos: GridPos;
  options: Record<string, any>;
  fieldConfig: FieldConfigSource;
  transformations: DataTransformerConfig[];
  answers: Answer[];
  empty: boolean;
  /** Why Prometheus refused a question of it. */
  fault: string;
}

/** What the page is given: one dashboard, one time range, all answers. */
export interface BoardJob {
  uid: string;
  title: string;
  timezone: string;
  choices: Array<[string, string]>;
  fromMs: number;
  toMs: number;
  panels: PanelJob[];
}

/** What the page says when it is done. */
export interface Report {
  empty: string[];
  errors: string[];
}
