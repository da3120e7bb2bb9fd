// What Grafana says of a dashboard, as strictly as its types go. `checks.mjs` writes the dashboards beside it, as literals.
import type { Dashboard, DataQuery, FieldConfig, Panel, RowPanel } from "@grafana/schema";
import type { Options as StatOptions } from "@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen";
import type {
  FieldConfig as TimelineConfig,
  Options as TimelineOptions,
} from "@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen";
import type {
  FieldConfig as ChartConfig,
  Options as ChartOptions,
} from "@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen";

/** The same type as JSON writes it: a name of an enum is any of its strings or numbers. */
type Plain<T> = T extends string ? `${T}`
  : T extends number ? (`${T}` extends `${infer N extends number}` ? N : never)
  : T extends object ? { [K in keyof T]: Plain<T[K]> }
  : T;

/** Without what lets any name through. */
type Known<T> = { [K in keyof T as string extends K ? never : K]: T[K] };

type PanelOf<Kind, Options, Custom, Query> = Omit<Known<Panel>, "type" | "options" | "fieldConfig" | "targets"> & {
  type: Kind;
  id: number;
  title: string;
  description: string;
  options: Options;
  targets: (Known<DataQuery> & Query)[];
  fieldConfig: {
    defaults: Omit<Known<FieldConfig>, "custom"> & { custom: Custom };
    overrides: { matcher: { id: string; options?: unknown }; properties: { id: string; value?: unknown }[] }[];
  };
};

// The schema has nothing on the queries of these two.
interface PrometheusQuery { expr: string; legendFormat: string; range: true; editorMode: "code" }
interface GraphiteQuery { target: string; textEditor: true }

type PanelFor<Query> =
  | PanelOf<"timeseries", ChartOptions, ChartConfig, Query>
  | PanelOf<"stat", StatOptions, Record<string, never>, Query>
  | PanelOf<"state-timeline", TimelineOptions, TimelineConfig, Query>
  | Known<RowPanel>;

type DashboardFor<Query> = Plain<Omit<Known<Dashboard>, "panels"> & { panels: PanelFor<Query>[] }>;

export type PrometheusDashboard = DashboardFor<PrometheusQuery>;
export type GraphiteDashboard = DashboardFor<GraphiteQuery>;
