//! A directed graph of named nodes, and its circles.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Nodes with their edges, each with the places in the sources that make it.
#[derive(Default)]
pub struct Graph {
    edges: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl Graph {
    pub fn node(&mut self, name: &str) {
        self.edges.entry(name.to_owned()).or_default();
    }

    pub fn edge(&mut self, from: &str, to: &str, evidence: String) {
        self.node(to);
        let places = self.edges.entry(from.to_owned()).or_default().entry(to.to_owned()).or_default();
        if !places.contains(&evidence) {
            places.push(evidence);
        }
    }

    /// Short circles until every node on a circle is in one of them.
    pub fn circles(&self) -> Vec<String> {
        let circles: BTreeSet<Vec<&str>> = self.edges.keys().filter_map(|node| self.shortest_circle(node)).collect();
        let mut circles: Vec<Vec<&str>> = circles.into_iter().collect();
        circles.sort_by_key(Vec::len);
        let mut covered = BTreeSet::new();
        circles.retain(|circle| circle.iter().filter(|node| covered.insert(**node)).count() > 0);
        circles.iter().map(|circle| self.describe(circle)).collect()
    }

    /// The shortest way from a node back to it, begun at its first name in the order of the alphabet.
    fn shortest_circle<'a>(&'a self, start: &'a str) -> Option<Vec<&'a str>> {
        let mut before: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for next in self.edges[node].keys() {
                if next == start {
                    let mut circle = vec![node];
                    while let Some(node) = circle.last().and_then(|node| before.get(node)) {
                        circle.push(node);
                    }
                    circle.reverse();
                    let first = (0..circle.len()).min_by_key(|index| circle[*index])?;
                    circle.rotate_left(first);
                    return Some(circle);
                }
                if !before.contains_key(next.as_str()) {
                    before.insert(next, node);
                    queue.push_back(next);
                }
            }
        }
        None
    }

    /// `a -> b (a.rs:1: use super::b) -> a (b.rs:2: use super::a)`
    fn describe(&self, circle: &[&str]) -> String {
        let mut text = circle[0].to_owned();
        for (index, from) in circle.iter().enumerate() {
            let to = circle[(index + 1) % circle.len()];
            let places = &self.edges[*from][to];
            let more = if places.len() > 3 { format!("; and {} more", places.len() - 3) } else { String::new() };
            let shown: Vec<&str> = places.iter().take(3).map(String::as_str).collect();
            text += &format!(" -> {to} ({}{more})", shown.join("; "));
        }
        text
    }

    /// A line for each node with what it imports, nodes after what they import as far as there is no circle.
    pub fn lines(&self) -> Vec<String> {
        let mut done: BTreeSet<&str> = BTreeSet::new();
        let mut lines = Vec::new();
        while done.len() < self.edges.len() {
            let open = self.edges.iter().filter(|(node, _)| !done.contains(node.as_str()));
            let waits = |targets: &BTreeMap<String, _>| targets.keys().filter(|to| !done.contains(to.as_str())).count();
            let Some((node, targets)) = open.min_by_key(|(_, targets)| waits(targets)) else { break };
            let names: Vec<&str> = targets.keys().map(String::as_str).collect();
            lines.push(if names.is_empty() { node.clone() } else { format!("{node} -> {}", names.join(", ")) });
            done.insert(node);
        }
        lines
    }
}
