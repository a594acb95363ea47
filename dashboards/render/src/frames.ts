import { type DataFrame, type Field, FieldType } from '@grafana/data';

import type { Answer, Series } from './types';

function number(text: string): number {
  // Prometheus writes "+Inf" and "-Inf".
  return text.endsWith('Inf') ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text);
}

function points(series: Series): Array<[number, string]> {
  return series.values ?? (series.value ? [series.value] : []);
}

function legendOf(answer: Answer, labels: Record<string, string>): string | undefined {
  if (answer.legend === '' || answer.legend === '__auto') {
    return undefined;
  }
  return answer.legend.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (_, name: string) => labels[name] ?? '');
}

/** One frame for each series: time and value, named as the query's legend says. */
function seriesFrame(answer: Answer, series: Series): DataFrame {
  const all = points(series);
  const labels = { ...series.metric };
  const { __name__: name = 'Value' } = labels;
  delete labels.__name__;
  const time: Field = {
    name: 'Time',
    type: FieldType.time,
    config: { interval: answer.stepSeconds * 1000 },
    values: all.map(([at]) => at * 1000),
  };
  const value: Field = {
    name,
    type: FieldType.number,
    labels,
    config: { displayNameFromDS: legendOf(answer, series.metric) },
    values: all.map(([, text]) => number(text)),
  };
  return { refId: answer.refId, fields: [time, value], length: all.length };
}

/** One frame for the whole answer: time, a column for each label, and the value. */
function tableFrame(answer: Answer, several: boolean): DataFrame {
  const rows = answer.result.flatMap((series) =>
    points(series).slice(-1).map((point) => ({ labels: series.metric, point }))
  );
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.labels)))].sort();
  const fields: Field[] = [
    {
      name: 'Time',
      type: FieldType.time,
      config: {},
      values: rows.map((row) => row.point[0] * 1000),
    },
    ...names.map((name) => ({
      name,
      type: FieldType.string,
      config: { filterable: true },
      values: rows.map((row) => row.labels[name] ?? ''),
    })),
    {
      name: several ? `Value #${answer.refId}` : 'Value',
      type: FieldType.number,
      config: {},
      values: rows.map((row) => number(row.point[1])),
    },
  ];
  return { refId: answer.refId, fields, length: rows.length };
}

/** The answers of a panel as Grafana's own Prometheus source hands them to panels. */
export function frames(answers: Answer[]): DataFrame[] {
  return answers.flatMap((answer) => {
    if (answer.table) {
      return [tableFrame(answer, answers.length > 1)];
    }
    return answer.result.map((series) => seriesFrame(answer, series));
  });
}
