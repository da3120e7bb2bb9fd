//! The assignments of all layers, merged as far as that goes before references are looked up.
//!
//! A node stands for one key. It holds what was assigned to it, later over earlier, and only as much of it as can matter:
//! objects that follow each other are one, and a plain value drops what lies under it. A reference cannot drop anything,
//! since nobody knows yet whether there is a value, and whether it is an object that merges.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::scalar::Scalar;
use crate::config::origin::Place;

/// The number of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NodeId(usize);

/// What was assigned to a key.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// An object, written out or implied by a dotted key, and the first of the places that did.
    Object(BTreeMap<String, NodeId>, Place),
    /// Anything else.
    Value(Arc<Value>, Place),
}

/// A value that is not an object by itself. Shared, so that trees are copied at no great cost.
#[derive(Debug)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Part>),
    Reference(Reference),
    /// Several beside each other.
    Concatenation(Vec<Part>),
}

/// A part of a list or a concatenation.
#[derive(Debug)]
pub(super) enum Part {
    /// White space, which counts only between scalars.
    Blank(String),
    Value(Arc<Value>),
    /// An object has a node without a key.
    Object(NodeId),
}

#[derive(Debug)]
pub(super) struct Reference {
    /// Where it may lead, the first choice first: inside an included file, from where the file is included, else from
    /// the top.
    pub(super) paths: Vec<Vec<String>>,
    /// The variable of the environment that it may lead to.
    pub(super) variable: Option<String>,
    pub(super) optional: bool,
    /// As it stands in the file.
    pub(super) written: String,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// Later over earlier.
    pub(super) items: Vec<Item>,
}

#[derive(Debug, Clone)]
pub(super) struct Tree(Vec<Node>);

impl Tree {
    pub(super) const TOP: NodeId = NodeId(0);

    pub(super) fn new() -> Self {
        Self(vec![Node::default()])
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.0[id.0]
    }

    pub(super) fn add(&mut self) -> NodeId {
        self.0.push(Node::default());
        NodeId(self.0.len() - 1)
    }

    /// Makes the node an object over what it was.
    pub(super) fn open(&mut self, id: NodeId, place: Place) {
        let items = &mut self.0[id.0].items;
        let over_plain = matches!(items.last(), Some(Item::Value(value, _)) if value.is_plain());
        if over_plain {
            items.clear();
        }
        if !matches!(items.last(), Some(Item::Object(..))) {
            items.push(Item::Object(BTreeMap::new(), place));
        }
    }

    /// The node of a key in an object that is open.
    pub(super) fn child(&mut self, id: NodeId, key: &str) -> NodeId {
        let next = NodeId(self.0.len());
        let Some(Item::Object(keys, _)) = self.0[id.0].items.last_mut() else {
            unreachable!("objects are opened before keys are put into them")
        };
        if let Some(child) = keys.get(key) {
            return *child;
        }
        keys.insert(key.to_owned(), next);
        self.add()
    }

    /// Puts a value over what the node was.
    pub(super) fn assign(&mut self, id: NodeId, value: Value, place: Place) {
        let items = &mut self.0[id.0].items;
        if value.is_plain() {
            items.clear();
        }
        items.push(Item::Value(Arc::new(value), place));
    }
}

impl Value {
    /// Whether nothing under it can ever be seen. A list cannot see what is under it even if it has references in it.
    fn is_plain(&self) -> bool {
        matches!(self, Self::Scalar(_) | Self::List(_))
    }
}
