import '@fontsource/inter/latin-400.css';
import '@fontsource/inter/latin-500.css';
import '@fontsource/inter/latin-ext-400.css';
import '@fontsource/inter/latin-ext-500.css';
import '@fontsource/inter/vietnamese-400.css';
import '@fontsource/inter/vietnamese-500.css';
import './page.css';

import { ThemeContext } from '@grafana/data';
import { GlobalStyles } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { MemoryRouter } from 'react-router-dom-v5-compat';

import { Board, type Shown } from './board';
import { dressed, fillRegistries, theme } from './fields';
import { frames } from './frames';
import { KINDS } from './panels';
import type { BoardJob, PanelJob, Report } from './types';

declare global {
  interface Window {
    // Set when everything is drawn; the photographer waits for it.
    report?: Report;
  }
}

const WIDTH = 1920;
const SETTLED_MS = 400;

async function prepare(board: BoardJob, panel: PanelJob, report: Report): Promise<Shown> {
  const { fieldConfig } = panel;
  if (panel.type === 'row') {
    return { panel, frames: [], fieldConfig };
  }
  if (panel.fault) {
    report.errors.push(`${panel.title}: ${panel.fault}`);
    return { panel, frames: [], fieldConfig };
  }
  if (!KINDS[panel.type]) {
    report.errors.push(`${panel.title}: no way to draw "${panel.type}"`);
    return { panel: { ...panel, empty: true }, frames: [], fieldConfig };
  }
  const shown = await dressed(panel, frames(panel.answers), board.timezone);
  const rows = Math.max(0, ...shown.frames.map((frame) => (frame.fields.length ? frame.length : 0)));
  const empty = panel.empty || (panel.type !== 'text' && rows === 0);
  if (empty) {
    report.empty.push(panel.title);
  }
  return { panel: { ...panel, empty }, ...shown };
}

/** Panels with neither a drawing nor a word below their title: Grafana's part drew nothing. */
function blanks(): string[] {
  return [...document.querySelectorAll<HTMLElement>('.tile')]
    .filter((tile) => {
      const title = tile.dataset.title ?? '';
      return !tile.querySelector('canvas') && tile.innerText.replace(title, '').trim() === '';
    })
    .map((tile) => `${tile.dataset.title}: drawn blank`);
}

async function show(): Promise<void> {
  const report: Report = { empty: [], errors: [] };
  fillRegistries();
  await Promise.all(['400', '500'].map((weight) => document.fonts.load(`${weight} 14px Inter`, 'aắ')));
  const board: BoardJob = await (await fetch('board.json')).json();
  const all = await Promise.all(board.panels.map((panel) => prepare(board, panel, report)));
  createRoot(document.getElementById('board')!).render(
    <ThemeContext.Provider value={theme}>
      <MemoryRouter>
        <GlobalStyles />
        <Board board={board} all={all} width={WIDTH} failed={(text) => report.errors.push(text)} />
      </MemoryRouter>
    </ThemeContext.Provider>
  );
  await document.fonts.ready;
  setTimeout(() => {
    report.errors.push(...blanks());
    window.report = report;
  }, SETTLED_MS);
}

show().catch((error: Error) => (window.report = { empty: [], errors: [String(error.stack ?? error).slice(0, 300)] }));
