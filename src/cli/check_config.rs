//! `kanaloa check-config`: what files come to, or what is wrong with them.

use std::path::PathBuf;
use std::process::ExitCode;

use kanaloa::config::{Effective, Merged, SettingsError};
use kanaloa::http::settings::ProxySettings;

use super::console::{note, print};

/// What cannot be used ends with this status, as a command line that cannot be understood does.
const UNUSABLE: u8 = 2;

#[derive(Debug, clap::Args)]
pub(crate) struct CheckConfigArgs {
    /// HOCON files, each laid over those before it and all over reference.conf
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Show only this dispatcher
    #[arg(long, value_name = "NAME")]
    dispatcher: Option<String>,

    /// Show only what differs from reference.conf
    #[arg(long)]
    changed: bool,
}

pub(crate) fn run(args: &CheckConfigArgs) -> ExitCode {
    let (merged, proxy) = match load(&args.files) {
        Ok(loaded) => loaded,
        Err(error) => {
            note(&error);
            return ExitCode::from(UNUSABLE);
        }
    };
    for file in merged.silent_files() {
        note(format!("{file}: says nothing about kanaloa"));
    }
    if let Some(name) = args.dispatcher.as_deref().filter(|name| !merged.settings().names().any(|other| other == *name))
    {
        note(format!("{name}: no file says anything about this dispatcher; it has the defaults"));
    }
    let mut shown = text(&sections(&merged, args.dispatcher.as_deref()), args.changed);
    if let Some(proxy) = proxy.filter(|_| args.dispatcher.is_none()) {
        shown.push_str("\n\n");
        shown.push_str(&proxy_text(&proxy));
    }
    match print(shown) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(format!("cannot print: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// The settings of dispatchers, and of a proxy if the files say anything of one.
fn load(files: &[PathBuf]) -> Result<(Merged, Option<ProxySettings>), SettingsError> {
    // What is wrong with a proxy is told together with what is wrong with dispatchers.
    let proxy = ProxySettings::find(files)?;
    Ok((Merged::load(files)?, proxy))
}

/// Where a proxy listens, and what it proxies.
fn proxy_text(proxy: &ProxySettings) -> String {
    let admin = proxy.admin.map_or("none".to_owned(), |address| address.to_string());
    let mut lines = vec!["proxy".to_owned()];
    lines.push(format!("  listen {}, admin {admin}, threads {}", proxy.listen, proxy.threads));
    lines.extend(proxy.routes.iter().map(|route| format!("  {route}")));
    lines.join("\n")
}

/// A heading, and settings.
type Section = (String, Vec<Effective>);

fn sections(merged: &Merged, only: Option<&str>) -> Vec<Section> {
    let pulling = |name: Option<&str>| {
        let pushing = merged.effective(name);
        merged.effective_if_pulling(name).into_iter().filter(|setting| !pushing.contains(setting)).collect()
    };
    let dispatcher = |name: &str| {
        let settings = (format!("dispatcher {name}"), merged.effective(Some(name)));
        let if_pulling = (format!("dispatcher {name}, where it differs if it pulls its work"), pulling(Some(name)));
        [settings, if_pulling]
    };
    if let Some(name) = only {
        return dispatcher(name).into();
    }
    let mut sections = vec![
        ("default-dispatcher".to_owned(), merged.effective(None)),
        ("default-pulling-dispatcher, where it differs".to_owned(), pulling(None)),
    ];
    sections.extend(merged.settings().names().flat_map(dispatcher));
    sections.push(("statsD".to_owned(), merged.effective_for_all()));
    sections
}

/// The sections as a table: key, value, where it comes from, and a remark.
fn text(sections: &[Section], changed: bool) -> String {
    let shown = |settings: &[Effective]| -> Vec<Effective> {
        settings.iter().filter(|setting| !(changed && setting.is_default)).cloned().collect()
    };
    let all: Vec<_> = sections.iter().map(|(heading, settings)| (heading, shown(settings))).collect();
    let width = |text: fn(&Effective) -> &str| {
        all.iter().flat_map(|(_, settings)| settings).map(|setting| text(setting).chars().count()).max().unwrap_or(0)
    };
    let (keys, values, origins) =
        (width(|setting| &setting.key), width(|setting| &setting.value), width(|setting| &setting.origin));
    let mut lines = Vec::new();
    for (heading, settings) in all {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(heading.clone());
        if settings.is_empty() {
            lines.push("  nothing".to_owned());
        }
        for Effective { key, value, origin, idle, .. } in &settings {
            let remark = idle.map(|why| format!("no effect: {why}")).unwrap_or_default();
            let line = format!("  {key:keys$}  {value:values$}  {origin:origins$}  {remark}");
            lines.push(line.trim_end().to_owned());
        }
    }
    lines.join("\n")
}
