import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  createTheme,
  type DataFrame,
  type FieldConfig,
  FieldConfigOptionsRegistry,
  type FieldConfigPropertyItem,
  type FieldConfigSource,
  FieldConfigProperty,
  identityOverrideProcessor,
  standardFieldConfigEditorRegistry,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';

import { defaultGraphConfig } from './defaults';
import type { PanelJob } from './types';

export const theme = createTheme({ colors: { mode: 'dark' } });

const nothing = () => null;

function property(id: string, path: string, isCustom: boolean): FieldConfigPropertyItem {
  return {
    id,
    path,
    isCustom,
    name: id,
    description: '',
    editor: nothing,
    override: nothing,
    process: identityOverrideProcessor,
    shouldApply: () => true,
  };
}

function standard(): FieldConfigPropertyItem[] {
  return Object.values(FieldConfigProperty).map((id) => property(id, id, false));
}

/** Without these entries Grafana's functions ignore units, mappings and transformations in silence. */
export function fillRegistries(): void {
  standardFieldConfigEditorRegistry.setInit(standard);
  // Old names of a transformation lead to the same one.
  const byId = new Map(Object.values(standardTransformers).map((one) => [one.id, one]));
  standardTransformersRegistry.setInit(() =>
    [...byId.values()].map((one) => ({
      id: one.id,
      name: one.name,
      editor: nothing,
      imageDark: '',
      imageLight: '',
      transformation: () => Promise.resolve(one),
    }))
  );
}

function customNames(source: FieldConfigSource): string[] {
  const named = source.overrides.flatMap((rule) => rule.properties.map((one) => one.id));
  const plain = Object.keys(source.defaults.custom ?? {}).map((name) => `custom.${name}`);
  return [...new Set([...named.filter((id) => id.startsWith('custom.')), ...plain])];
}

function registry(source: FieldConfigSource): FieldConfigOptionsRegistry {
  const custom = customNames(source).map((id) => property(id, id.slice('custom.'.length), true));
  return new FieldConfigOptionsRegistry(() => [...standard(), ...custom]);
}

/** JSON has no minus infinity: a scale begins with null. */
function scaled(config: FieldConfig): FieldConfig {
  const { thresholds } = config;
  if (!thresholds) {
    return config;
  }
  const steps = thresholds.steps.map((step) => ({ ...step, value: step.value ?? -Infinity }));
  return { ...config, thresholds: { ...thresholds, steps } };
}

function settled(panel: PanelJob): FieldConfigSource {
  const { defaults, overrides } = panel.fieldConfig;
  const custom = panel.type === 'timeseries' ? { ...defaultGraphConfig, ...defaults.custom } : defaults.custom;
  const rules = overrides.map((rule) => ({
    ...rule,
    properties: rule.properties.map((one) =>
      one.id === 'thresholds' ? { ...one, value: scaled({ thresholds: one.value }).thresholds } : one
    ),
  }));
  return { defaults: { ...scaled(defaults), custom: custom ?? {} }, overrides: rules };
}

/** A panel's frames after its transformations, dressed with units, colours and words. */
export async function dressed(panel: PanelJob, raw: DataFrame[], zone: string) {
  const data = await lastValueFrom(transformDataFrame(panel.transformations, raw), { defaultValue: raw });
  const fieldConfig = settled(panel);
  const frames = applyFieldOverrides({
    data,
    fieldConfig,
    fieldConfigRegistry: registry(fieldConfig),
    replaceVariables: (text) => text,
    theme,
    timeZone: zone,
  });
  cacheFieldDisplayNames(frames);
  return { frames, fieldConfig };
}
