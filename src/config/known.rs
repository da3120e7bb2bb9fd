//! Which keys exist. `reference.conf` says so: a key is known because it stands there.

use std::collections::BTreeMap;

use super::keys::{DEFAULT_DISPATCHER, DEFAULT_PULLING_DISPATCHER, DISPATCHERS, OLDER_NAMES, PROXY, ROOT, STATSD};
use super::nearest::nearest;

/// What may stand at one place of a file.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// Not ours to judge: files may hold settings of other libraries beside `kanaloa`, and `proxy` in it is read by the proxy
    /// alone.
    Foreign,
    /// The top of a file, with the keys there that are ours.
    Top(BTreeMap<String, Known>),
    /// An object of which only these keys are read as settings. Who reads the others knows them.
    #[cfg(feature = "lab")]
    Partly(BTreeMap<String, Known>),
    /// A value.
    Setting,
    /// An object with these keys.
    Section(BTreeMap<String, Known>),
    /// An object whose keys are names that users choose.
    Named(Box<Known>),
}

/// A key that is known where it was found.
pub(super) struct Step<'a> {
    /// The key as `reference.conf` spells it; an older name may stand for several steps down.
    pub(super) canonical: Vec<String>,
    /// What may stand there.
    pub(super) known: &'a Known,
}

impl Known {
    /// The known keys of a whole file, given those of a dispatcher and of the place of StatsD.
    pub(super) fn file(dispatcher: Known, statsd: Known) -> Known {
        let named = Known::Named(Box::new(dispatcher.clone()));
        let kanaloa = [
            (DEFAULT_DISPATCHER, dispatcher.clone()),
            (DEFAULT_PULLING_DISPATCHER, dispatcher),
            (DISPATCHERS, named),
            (STATSD, statsd),
            (PROXY, Known::Foreign),
        ];
        let kanaloa = kanaloa.into_iter().map(|(name, known)| (name.to_owned(), known)).collect();
        Known::Top([(ROOT.to_owned(), Known::Section(kanaloa))].into())
    }

    /// The known keys of a file that has, beside settings, an object of its own at `root`, in which `dispatcher` holds
    /// the settings of one dispatcher.
    #[cfg(feature = "lab")]
    pub(super) fn with_document(self, root: &str, dispatcher: &str) -> Known {
        let named = self.down(&[ROOT, DISPATCHERS].join("."));
        let settings = match named.map(|step| step.known) {
            Some(Known::Named(settings)) => (**settings).clone(),
            _ => Known::Foreign,
        };
        let Known::Top(mut roots) = self else { return self };
        roots.insert(root.to_owned(), Known::Partly([(dispatcher.to_owned(), settings)].into()));
        Known::Top(roots)
    }

    /// Goes one key down, in either spelling; `None` if there is no such key.
    pub(super) fn step(&self, key: &str) -> Option<Step<'_>> {
        let found = |known| Some(Step { canonical: vec![key.to_owned()], known });
        match self {
            Known::Foreign => found(self),
            Known::Top(roots) => match roots.get(key) {
                Some(known) => found(known),
                // A root that is nearly ours is ours misspelt, and one that belongs below it has lost it: either would
                // otherwise be ignored without a word.
                None if misspelt_root(key, roots).is_some() || lost_root(key) => None,
                None => found(&Known::Foreign),
            },
            #[cfg(feature = "lab")]
            Known::Partly(keys) => found(keys.get(key).unwrap_or(&Known::Foreign)),
            Known::Setting => None,
            Known::Named(each) => found(each),
            Known::Section(keys) => keys
                .iter()
                .find(|(name, _)| spells(key, name))
                .map(|(name, known)| Step { canonical: vec![name.clone()], known })
                .or_else(|| self.older(key)),
        }
    }

    fn older(&self, key: &str) -> Option<Step<'_>> {
        OLDER_NAMES.iter().filter(|(name, _)| spells(key, name)).find_map(|(_, path)| self.down(path))
    }

    fn down(&self, path: &str) -> Option<Step<'_>> {
        let mut known = self;
        let mut canonical = Vec::new();
        for segment in path.split('.') {
            let (Known::Section(keys) | Known::Top(keys)) = known else { return None };
            known = keys.get(segment)?;
            canonical.push(segment.to_owned());
        }
        Some(Step { canonical, known })
    }

    /// The key that was probably meant: a near one here, else one of nearly that name further down.
    pub(super) fn suggestion(&self, key: &str) -> Option<String> {
        let written = key;
        let key = kebab(key);
        match self {
            Known::Top(roots) => match misspelt_root(written, roots) {
                Some(root) => Some(root.to_owned()),
                None => Some(format!("{ROOT}.{key}")).filter(|_| lost_root(written)),
            },
            Known::Section(keys) => nearest(&key, keys.keys().map(String::as_str)).map(str::to_owned).or_else(|| {
                keys.iter().find_map(|(name, known)| known.suggestion(&key).map(|rest| format!("{name}.{rest}")))
            }),
            #[cfg(feature = "lab")]
            Known::Partly(_) => None,
            Known::Foreign | Known::Setting | Known::Named(_) => None,
        }
    }
}

fn misspelt_root<'a>(key: &str, roots: &'a BTreeMap<String, Known>) -> Option<&'a str> {
    let same = roots.keys().find(|root| key.eq_ignore_ascii_case(root));
    same.map(String::as_str).or_else(|| nearest(key, roots.keys().map(String::as_str)))
}

/// `statsD` may be another library's.
fn lost_root(key: &str) -> bool {
    [DEFAULT_DISPATCHER, DEFAULT_PULLING_DISPATCHER, DISPATCHERS].iter().any(|name| spells(key, name))
}

/// Whether `key` is `name`, which is in kebab-case, as it stands or in camelCase.
pub(super) fn spells(key: &str, name: &str) -> bool {
    key == name || key == camel(name)
}

fn camel(name: &str) -> String {
    let mut words = name.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |camel, word| match word.split_at_checked(1) {
        Some((initial, rest)) => camel + &initial.to_ascii_uppercase() + rest,
        None => camel,
    })
}

pub(super) fn kebab(key: &str) -> String {
    let mut kebab = String::with_capacity(key.len() + 4);
    for c in key.chars() {
        if c.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
    }
    kebab
}
