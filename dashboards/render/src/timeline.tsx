import { dateTimeFormat, type Field, FieldType, formattedValueToString, getFieldDisplayName } from '@grafana/data';
import type { ReactElement } from 'react';

import { theme } from './fields';
import type { View } from './panels';

// Grafana's own drawing of state timelines is not in the published parts; this one takes words and
// colours from the same functions and draws plain boxes.
const NAMES = 0.16;
const AXIS = 22;
const LEGEND = 24;

interface Stretch {
  from: number;
  to: number;
  text: string;
  colour: string;
}

function stretches(times: number[], field: Field, step: number, end: number): Stretch[] {
  const found: Stretch[] = [];
  times.forEach((at, index) => {
    const shown = field.display!(field.values[index]);
    const text = formattedValueToString(shown);
    const until = Math.min(times[index + 1] ?? end, at + 1.5 * step);
    const last = found.at(-1);
    if (last && last.text === text && at - last.to < step / 2) {
      last.to = until;
    } else {
      found.push({ from: at, to: until, text, colour: shown.color ?? theme.colors.text.disabled });
    }
  });
  return found;
}

function rowsOf({ frames, board }: View) {
  return frames.flatMap((frame) => {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    if (!time) {
      return [];
    }
    return frame.fields
      .filter((field) => field.type !== FieldType.time)
      .map((field) => ({
        name: getFieldDisplayName(field, frame, frames),
        parts: stretches(time.values, field, time.config.interval ?? 60_000, board.toMs),
      }));
  });
}

function ticks(fromMs: number, toMs: number, zone: string) {
  const at = [0.1, 0.3, 0.5, 0.7, 0.9];
  const format = toMs - fromMs > 36 * 3_600_000 ? 'DD/MM HH:mm' : 'HH:mm:ss';
  return at.map((part) => ({
    part,
    text: dateTimeFormat(fromMs + part * (toMs - fromMs), { format, timeZone: zone }),
  }));
}

/** States over time: one line for each series, the same words and colours as Grafana gives them. */
export function Timeline(view: View): ReactElement {
  const { board, width, height } = view;
  const rows = rowsOf(view);
  const left = width * NAMES;
  const wide = width - left;
  const tall = (height - AXIS - LEGEND) / Math.max(rows.length, 1);
  const x = (at: number) => left + ((at - board.fromMs) / (board.toMs - board.fromMs)) * wide;
  const legend = new Map(rows.flatMap((row) => row.parts.map((part) => [part.text, part.colour])));
  const ink = theme.visualization.getColorByName;
  return (
    <div style={{ position: 'relative', width, height, overflow: 'hidden', fontSize: 12 }}>
      {rows.map((row, line) => (
        <div key={line}>
          <div className="line-name" style={{ top: line * tall, width: left - 8, height: tall, lineHeight: `${tall}px` }}>
            {row.name}
          </div>
          {row.parts.map((part, number) => (
            <div
              key={number}
              className="stretch"
              style={{
                left: Math.max(x(part.from), left),
                width: Math.max(x(part.to) - Math.max(x(part.from), left), 1),
                top: line * tall + tall * 0.08,
                height: tall * 0.84,
                lineHeight: `${tall * 0.84}px`,
                background: ink(part.colour),
                color: theme.colors.getContrastText(ink(part.colour)),
              }}
            >
              {x(part.to) - x(part.from) > part.text.length * 8 ? part.text : ''}
            </div>
          ))}
        </div>
      ))}
      {ticks(board.fromMs, board.toMs, board.timezone).map((tick) => (
        <div key={tick.part} className="tick" style={{ left: left + tick.part * wide, bottom: LEGEND }}>
          {tick.text}
        </div>
      ))}
      <div className="legend" style={{ height: LEGEND, lineHeight: `${LEGEND}px` }}>
        {[...legend].map(([text, colour]) => (
          <span key={text}>
            <i style={{ background: ink(colour) }} /> {text}
          </span>
        ))}
      </div>
    </div>
  );
}
