import { type DataFrame, dateTimeFormat, type FieldConfigSource } from '@grafana/data';
import { PanelChrome } from '@grafana/ui';
import { Component, type ReactNode } from 'react';

import { KINDS } from './panels';
import type { BoardJob, GridPos, PanelJob } from './types';

// Grafana's grid: 24 columns, rows of 30 pixels, 8 between panels.
const COLUMNS = 24;
const ROW = 30;
const GAP = 8;
const EDGE = 16;
const HEAD = 56;

/** A panel with its dressed frames. */
export interface Shown {
  panel: PanelJob;
  frames: DataFrame[];
  fieldConfig: FieldConfigSource;
}

interface Guarded {
  name: string;
  failed: (text: string) => void;
  children: ReactNode;
}

/** A panel that cannot be drawn says so, and leaves the others alone. */
class Guard extends Component<Guarded, { text: string }> {
  state = { text: '' };

  static getDerivedStateFromError(error: Error) {
    return { text: String(error.message) };
  }

  componentDidCatch(error: Error) {
    this.props.failed(`${this.props.name}: ${error.message}`);
  }

  render() {
    return this.state.text ? <div className="no-data">{this.state.text}</div> : this.props.children;
  }
}

function place(pos: GridPos, width: number) {
  const column = (width - 2 * EDGE + GAP) / COLUMNS;
  return {
    left: EDGE + pos.x * column,
    top: HEAD + pos.y * (ROW + GAP),
    width: pos.w * column - GAP,
    height: pos.h * (ROW + GAP) - GAP,
  };
}

function Tile({ board, shown, width, failed }: TileProps) {
  const { panel, frames, fieldConfig } = shown;
  const at = place(panel.gridPos, width);
  if (panel.type === 'row') {
    return <div className="row" style={at}>{panel.title}</div>;
  }
  const Kind = KINDS[panel.type];
  return (
    <div className="tile" style={at} data-title={panel.title}>
      <PanelChrome width={at.width} height={at.height} title={panel.title} description={panel.description}>
        {(innerWidth, innerHeight) =>
          panel.empty ? (
            <div className="no-data">{panel.fault || 'No data'}</div>
          ) : (
            <Guard name={panel.title} failed={failed}>
              <Kind {...{ board, panel, frames, fieldConfig }} width={innerWidth} height={innerHeight} />
            </Guard>
          )
        }
      </PanelChrome>
    </div>
  );
}

interface TileProps {
  board: BoardJob;
  shown: Shown;
  width: number;
  failed: (text: string) => void;
}

interface BoardProps {
  board: BoardJob;
  all: Shown[];
  width: number;
  failed: (text: string) => void;
}

/** A whole dashboard, as wide as the window, as high as its panels need. */
export function Board({ board, all, width, failed }: BoardProps) {
  const bottom = Math.max(0, ...board.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const time = (at: number) => dateTimeFormat(at, { timeZone: board.timezone, format: 'DD/MM/YYYY HH:mm:ss' });
  return (
    <div style={{ position: 'relative', width, height: HEAD + bottom * (ROW + GAP) + EDGE }}>
      <div className="head">
        <b>{board.title}</b>
        {board.choices.map(([name, value]) => (
          <span key={name}>
            {name}: {value}
          </span>
        ))}
        <span className="when">
          {time(board.fromMs)} – {time(board.toMs)}
        </span>
      </div>
      {all.map((shown, number) => (
        <Tile key={number} {...{ board, shown, width, failed }} />
      ))}
    </div>
  );
}
