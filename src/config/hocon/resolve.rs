//! Looks references up.
//!
//! A value is computed when it is asked for, and only the part that is asked for: `${a.b}` needs nothing of `a` but `b`,
//! so that keys of an object can refer to each other. While an assignment to a key is computed, whoever asks for that key
//! gets what lies under the assignment; so `path = ${path}":x"` adds to what `path` was.
//!
//! What it may cost is bounded, since a few lines can ask for more than there is memory.

use std::collections::{BTreeMap, HashMap};

use super::scalar::Scalar;
use super::tree::{Item, NodeId, Part, Reference, Tree, Value as Written};
use super::value::{Content, Value};
use crate::config::origin::Place;

/// How many references, objects and lists may lie in each other's way. The stack of a thread has room for it.
const DEEPEST: usize = 160;
/// How many references may be followed in all: so many, and so many more for each key that is assigned. Each is followed
/// once, and once more for each time a part of what it leads to is wanted, unless they form a web.
const MOST_STEPS: usize = 100_000;
const MORE_STEPS: usize = 50;
/// How large a value may be, in single values and characters.
const LARGEST: usize = 4_000_000;

/// A reference that has no value.
#[derive(Debug, PartialEq)]
pub(super) struct Unresolved {
    pub(super) place: Place,
    pub(super) message: String,
}

/// Something leads back to what is being looked up. Given is the reference that does, if it refers to its own key and
/// there is nothing under it; null for every other circle.
struct Cycle(*const Reference);

type Found = Result<Option<Value>, Cycle>;

/// The value of the whole tree, and every reference that has none.
pub(super) fn resolve(tree: &Tree, environment: &HashMap<String, String>) -> (Option<Value>, Vec<Unresolved>) {
    let mut resolver = Resolver {
        tree,
        environment,
        known: HashMap::new(),
        running: Vec::new(),
        lowest: usize::MAX,
        depth: 0,
        steps: 0,
        is_exhausted: false,
        unresolved: Vec::new(),
    };
    // A cycle ends at the reference that begins it.
    let value = resolver.node(Tree::TOP, &[], false).unwrap_or_default();
    let mut unresolved = resolver.unresolved;
    unresolved.sort_by_key(|unresolved| unresolved.place);
    (value, unresolved)
}

/// Something that is being computed.
enum Running<'a> {
    /// The item of this number of a node: whoever asks for the node gets what is under it.
    Item(NodeId, usize),
    /// A reference, and what is wanted of what it leads to.
    Reference(&'a Reference, Vec<String>, bool),
    /// All keys of an object, because the object itself is wanted.
    Keys,
}

struct Resolver<'a> {
    tree: &'a Tree,
    environment: &'a HashMap<String, String>,
    /// Whole values that do not depend on what was running when they were computed.
    known: HashMap<NodeId, Option<Value>>,
    running: Vec<Running<'a>>,
    /// The earliest of what is running that the value being computed has met.
    lowest: usize,
    depth: usize,
    steps: usize,
    is_exhausted: bool,
    unresolved: Vec<Unresolved>,
}

impl<'a> Resolver<'a> {
    /// The value at `rest` below a node. If it is `shallow`, only whether it is an object counts, not what is in it.
    fn node(&mut self, id: NodeId, rest: &[String], shallow: bool) -> Found {
        if let (true, Some(known)) = (rest.is_empty(), self.known.get(&id)) {
            return Ok(known.clone());
        }
        let before = std::mem::replace(&mut self.lowest, usize::MAX);
        let height = self.running.len();
        self.depth += 1;
        let found = self.items(id, rest, shallow);
        self.depth -= 1;
        if let (Ok(value), true, false) = (&found, self.lowest >= height && rest.is_empty(), shallow) {
            self.known.insert(id, value.clone());
        }
        self.lowest = before.min(self.lowest);
        found
    }

    fn items(&mut self, id: NodeId, rest: &[String], shallow: bool) -> Found {
        let tree = self.tree;
        let items = &tree.node(id).items;
        let above = self.limit(id)?.unwrap_or(items.len());
        let mut found: Option<Value> = None;
        for (number, item) in items[..above].iter().enumerate().rev() {
            let value = match item {
                Item::Object(keys, place) => self.object(keys, *place, rest, shallow)?,
                Item::Value(value, place) => {
                    let height = self.running.len();
                    // A plain value and a list look nothing up at their own node.
                    if matches!(&**value, Written::Reference(_) | Written::Concatenation(_)) {
                        self.running.push(Running::Item(id, number));
                    }
                    let found = self.value(value, *place, rest, shallow)?;
                    let hides = found.is_none() && number > 0 && !rest.is_empty() && self.hides(value, *place)?;
                    self.running.truncate(height);
                    if hides {
                        break;
                    }
                    found
                }
            };
            let Some(value) = value else { continue };
            let is_object = value.object().is_some();
            found = Some(match found {
                Some(over) => over.over(value),
                None => value,
            });
            if shallow || !is_object {
                break;
            }
        }
        Ok(found)
    }

    /// Whether a value that has nothing of what is wanted is none that merges with what is under it.
    fn hides(&mut self, value: &'a Written, place: Place) -> Result<bool, Cycle> {
        Ok(self.value(value, place, &[], true)?.is_some_and(|value| value.object().is_none()))
    }

    fn object(&mut self, keys: &BTreeMap<String, NodeId>, place: Place, rest: &[String], shallow: bool) -> Found {
        if let Some((key, rest)) = rest.split_first() {
            return keys.get(key).map_or(Ok(None), |node| self.node(*node, rest, shallow));
        }
        let mut values = BTreeMap::new();
        let height = self.running.len();
        self.running.push(Running::Keys);
        for (key, node) in keys.iter().filter(|_| !shallow) {
            if let Some(value) = self.node(*node, &[], false)? {
                values.insert(key.clone(), value);
            }
        }
        self.running.truncate(height);
        Ok(Some(self.bounded(Content::Object(values), place)))
    }

    fn value(&mut self, value: &'a Written, place: Place, rest: &[String], shallow: bool) -> Found {
        if self.depth > DEEPEST {
            return Ok(Some(self.refuse(place, "references lie too deep in each other".into())));
        }
        match value {
            Written::Scalar(scalar) => Ok(rest.is_empty().then(|| Value::new(Content::Scalar(scalar.clone()), place))),
            Written::List(parts) if rest.is_empty() => {
                let mut items = Vec::new();
                for part in parts.iter().filter(|_| !shallow) {
                    items.extend(self.part(part, place, &[], false)?);
                }
                Ok(Some(self.bounded(Content::List(items), place)))
            }
            Written::List(_) => Ok(None),
            Written::Reference(reference) => self.reference(reference, place, rest, shallow),
            Written::Concatenation(parts) => self.concatenation(parts, place, rest, shallow),
        }
    }

    fn part(&mut self, part: &'a Part, place: Place, rest: &[String], shallow: bool) -> Found {
        self.depth += 1;
        let found = match part {
            Part::Blank(text) => Ok(Some(Value::new(Content::Scalar(Scalar::text(text.as_str())), place))),
            Part::Value(value) => self.value(value, place, rest, shallow),
            Part::Object(node) => self.node(*node, rest, shallow),
        };
        self.depth -= 1;
        found
    }

    fn reference(&mut self, reference: &'a Reference, place: Place, rest: &[String], shallow: bool) -> Found {
        let is_same = |running: &Running| {
            matches!(running, Running::Reference(other, wanted, kind)
                if std::ptr::eq(*other, reference) && wanted == rest && *kind == shallow)
        };
        if let Some(position) = self.running.iter().position(is_same) {
            self.lowest = self.lowest.min(position);
            return Err(Cycle(std::ptr::null()));
        }
        self.steps += 1;
        if self.steps > MOST_STEPS + MORE_STEPS * self.tree.len() {
            // From here on nothing is followed any more; the first says why.
            return Ok(Some(match std::mem::replace(&mut self.is_exhausted, true) {
                true => Value::new(Content::Unresolved, place),
                false => self.refuse(place, "references lead to each other too often".into()),
            }));
        }
        let height = self.running.len();
        self.running.push(Running::Reference(reference, rest.to_vec(), shallow));
        let found = self.first_of(&reference.paths, rest, shallow);
        self.running.truncate(height);
        let found = match found {
            Ok(found) => found,
            // `a = ${?a}` with nothing under it has no value. Any other circle could be broken at several places.
            Err(Cycle(met)) if std::ptr::eq(met, reference) && reference.optional => None,
            Err(_) => return Ok(Some(self.refuse(place, format!("{} leads back to itself", reference.written)))),
        };
        let variable = || {
            let text = self.environment.get(reference.variable.as_ref()?)?;
            rest.is_empty().then(|| Value::new(Content::Scalar(Scalar::text(text.as_str())), place))
        };
        Ok(match found.map(|value| value.brought(place)).or_else(variable) {
            // The whole of it is asked for sooner or later, and then it is reported.
            None if reference.optional || !rest.is_empty() || shallow => None,
            None => Some(self.refuse(place, format!("{} has no value", reference.written))),
            found => found,
        })
    }

    /// What is found at `rest` below the first of `paths` where there is something.
    fn first_of(&mut self, paths: &[Vec<String>], rest: &[String], shallow: bool) -> Found {
        for path in paths {
            let path: Vec<_> = path.iter().chain(rest).cloned().collect();
            if let Some(value) = self.node(Tree::TOP, &path, shallow)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn concatenation(&mut self, parts: &'a [Part], place: Place, rest: &[String], shallow: bool) -> Found {
        let mut joined: Option<Value> = None;
        let mut all_blank = true;
        for part in parts {
            let is_blank = matches!(part, Part::Blank(_));
            // Only an object has anything below it, and then every part is one.
            if is_blank && !rest.is_empty() {
                continue;
            }
            let Some(value) = self.part(part, place, rest, shallow)? else { continue };
            joined = Some(match joined {
                None => value,
                Some(before) if !rest.is_empty() => value.over(before),
                Some(before) => match self.join((before, all_blank), (value, is_blank), place) {
                    Ok(joined) => joined,
                    Err(refused) => return Ok(Some(refused)),
                },
            });
            all_blank &= is_blank;
        }
        Ok(joined)
    }

    /// Two parts beside each other, and whether they are white space, which is none of an object or a list.
    fn join(
        &mut self,
        (before, before_is_blank): (Value, bool),
        (after, after_is_blank): (Value, bool),
        place: Place,
    ) -> Result<Value, Value> {
        let content = match (&*before.content, &*after.content) {
            (Content::Unresolved, _) | (_, Content::Unresolved) => Content::Unresolved,
            (Content::Object(_), Content::Object(_)) => return Ok(after.over(before)),
            (Content::List(first), Content::List(second)) => Content::List([&first[..], &second[..]].concat()),
            (Content::Scalar(first), Content::Scalar(second)) => {
                if first.text.len() + second.text.len() > LARGEST {
                    return Err(self.refuse(place, "the value is too large".into()));
                }
                Content::Scalar(Scalar::text(format!("{}{}", first.text, second.text)))
            }
            (_, Content::Scalar(_)) if after_is_blank => return Ok(before),
            (Content::Scalar(_), _) if before_is_blank => return Ok(after),
            _ => {
                let words = [&before, &after].map(|value| value.in_words().unwrap_or_default());
                return Err(self.refuse(place, format!("{} cannot be joined with {}", words[0], words[1])));
            }
        };
        Ok(self.bounded(content, place))
    }

    fn bounded(&mut self, content: Content, place: Place) -> Value {
        let value = Value::new(content, place);
        if value.size > LARGEST { self.refuse(place, "the value is too large".into()) } else { value }
    }

    /// How much of what was assigned to a node counts while something of it is computed: what lies under that.
    ///
    /// Only for what refers to itself directly. With other references in between, what they are would depend on who is
    /// looked up first.
    fn limit(&mut self, id: NodeId) -> Result<Option<usize>, Cycle> {
        let mut between = Vec::new();
        let (mut is_innermost, mut is_part_of_wanted) = (true, false);
        for (position, running) in self.running.iter().enumerate().rev() {
            match running {
                Running::Item(node, number) if *node == id => {
                    self.lowest = self.lowest.min(position);
                    return match between.as_slice() {
                        _ if is_part_of_wanted => Err(Cycle(std::ptr::null())),
                        [_] if *number > 0 => Ok(Some(*number)),
                        [only] if is_innermost => Err(Cycle(*only)),
                        _ => Err(Cycle(std::ptr::null())),
                    };
                }
                Running::Item(..) => is_innermost = false,
                Running::Keys => is_part_of_wanted |= between.is_empty(),
                Running::Reference(reference, ..) => between.push(std::ptr::from_ref(*reference)),
            }
        }
        Ok(None)
    }

    fn refuse(&mut self, place: Place, message: String) -> Value {
        let unresolved = Unresolved { place, message };
        if !self.unresolved.contains(&unresolved) {
            self.unresolved.push(unresolved);
        }
        Value::new(Content::Unresolved, place)
    }
}
