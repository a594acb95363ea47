import {
  type DataFrame,
  dateTime,
  type FieldDisplay,
  type FieldConfigSource,
  FieldType,
  getDisplayProcessor,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  renderTextPanelMarkdown,
  type TimeRange,
  VizOrientation,
} from '@grafana/data';
import { BarGauge, BigValue, TimeSeries, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import type { ReactElement } from 'react';

import { theme } from './fields';
import { Timeline } from './timeline';
import type { BoardJob, PanelJob } from './types';

/** What a kind of panel needs to draw itself. */
export interface View {
  board: BoardJob;
  panel: PanelJob;
  frames: DataFrame[];
  fieldConfig: FieldConfigSource;
  width: number;
  height: number;
}

const asIs = (text: string) => text;

export function timeRange(board: BoardJob): TimeRange {
  const from = dateTime(board.fromMs);
  const to = dateTime(board.toMs);
  return { from, to, raw: { from, to } };
}

function figures(view: View): FieldDisplay[] {
  const { board, panel, frames, fieldConfig } = view;
  return getFieldDisplayValues({
    data: frames,
    fieldConfig,
    reduceOptions: panel.options.reduceOptions,
    replaceVariables: asIs,
    sparkline: panel.options.graphMode !== undefined && panel.options.graphMode !== 'none',
    theme,
    timeZone: board.timezone,
  });
}

function orientation(panel: PanelJob): VizOrientation {
  return panel.options.orientation ?? VizOrientation.Auto;
}

function Stat(view: View): ReactElement {
  const { panel, width, height, frames } = view;
  const { options } = panel;
  return (
    <VizRepeater
      getValues={() => figures(view)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      source={frames}
      width={width}
      height={height}
      renderCounter={1}
      autoGrid
      orientation={orientation(panel)}
      renderValue={({ value, alignmentFactors, width: w, height: h, count }) => (
        <BigValue
          value={value.display}
          count={count}
          sparkline={value.sparkline}
          colorMode={options.colorMode}
          graphMode={options.graphMode}
          justifyMode={options.justifyMode}
          textMode={options.textMode}
          text={options.text}
          alignmentFactors={alignmentFactors}
          disableWideLayout={!options.wideLayout}
          width={w}
          height={h}
          theme={theme}
        />
      )}
    />
  );
}

function Bars(view: View): ReactElement {
  const { panel, width, height, frames, board } = view;
  const { options } = panel;
  return (
    <VizRepeater
      getValues={() => figures(view)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      source={frames}
      width={width}
      height={height}
      renderCounter={1}
      orientation={orientation(panel)}
      minVizWidth={options.minVizWidth ?? 8}
      minVizHeight={options.minVizHeight ?? 16}
      maxVizHeight={options.maxVizHeight ?? 300}
      itemSpacing={8}
      renderValue={({ value, alignmentFactors, width: w, height: h, orientation: lies }) => (
        <BarGauge
          value={value.display}
          field={value.field}
          display={
            value.view?.getFieldDisplayProcessor(value.colIndex ?? 0) ??
            getDisplayProcessor({ field: { type: FieldType.number, config: value.field }, theme, timeZone: board.timezone })
          }
          displayMode={options.displayMode}
          valueDisplayMode={options.valueMode}
          namePlacement={options.namePlacement}
          showUnfilled={options.showUnfilled}
          text={options.text}
          orientation={lies}
          alignmentFactors={alignmentFactors}
          width={w}
          height={h}
          theme={theme}
        />
      )}
    />
  );
}

function Graph({ board, panel, frames, width, height }: View): ReactElement {
  return (
    <TimeSeries
      frames={frames}
      structureRev={1}
      timeRange={timeRange(board)}
      timeZone={board.timezone}
      width={width}
      height={height}
      legend={panel.options.legend}
      options={panel.options}
    />
  );
}

function TableOf({ panel, frames, width, height, fieldConfig }: View): ReactElement {
  const { options } = panel;
  return (
    <TableNG
      data={frames[options.frameIndex ?? 0]}
      width={width}
      height={height}
      noHeader={options.showHeader === false}
      cellHeight={options.cellHeight}
      sortBy={options.sortBy}
      fieldConfig={fieldConfig}
      noValue={fieldConfig.defaults.noValue}
      structureRev={1}
      enableVirtualization={false}
    />
  );
}

function TextOf({ panel }: View): ReactElement {
  const html = renderTextPanelMarkdown(String(panel.options.content ?? ''));
  return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: html }} />;
}

/** The kinds of panels that the dashboards use; another one is an error, not a blank. */
export const KINDS: Record<string, (view: View) => ReactElement> = {
  timeseries: Graph,
  stat: Stat,
  bargauge: Bars,
  table: TableOf,
  'state-timeline': Timeline,
  'status-history': Timeline,
  text: TextOf,
};
