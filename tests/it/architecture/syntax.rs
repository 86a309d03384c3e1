//! Pieces of Rust's syntax: attributes, `use` trees, tokens.

use proc_macro2::TokenTree;
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;

/// Returns true if the attributes compile an item for tests alone.
pub fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.parse_args().is_ok_and(|meta| implies_test(&meta)),
        syn::Meta::NameValue(_) => false,
    })
}

/// `any(fuzzing, test)` does not imply `test`.
fn implies_test(predicate: &syn::Meta) -> bool {
    let parsed = |list: &syn::MetaList| list.parse_args_with(Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated);
    match predicate {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) if list.path.is_ident("all") => {
            parsed(list).is_ok_and(|metas| metas.iter().any(implies_test))
        }
        syn::Meta::List(list) if list.path.is_ident("any") => {
            parsed(list).is_ok_and(|metas| !metas.is_empty() && metas.iter().all(implies_test))
        }
        syn::Meta::List(_) | syn::Meta::NameValue(_) => false,
    }
}

pub fn item_attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::ExternCrate(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::ForeignMod(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Union(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

pub fn impl_item_attributes(item: &syn::ImplItem) -> &[syn::Attribute] {
    match item {
        syn::ImplItem::Const(item) => &item.attrs,
        syn::ImplItem::Fn(item) => &item.attrs,
        syn::ImplItem::Type(item) => &item.attrs,
        syn::ImplItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item puts into the scope of its module, imports and modules aside.
pub fn defined(item: &syn::Item) -> Option<&syn::Ident> {
    match item {
        syn::Item::Const(item) => Some(&item.ident),
        syn::Item::Enum(item) => Some(&item.ident),
        syn::Item::Fn(item) => Some(&item.sig.ident),
        syn::Item::Macro(item) => item.ident.as_ref(),
        syn::Item::Static(item) => Some(&item.ident),
        syn::Item::Struct(item) => Some(&item.ident),
        syn::Item::Trait(item) => Some(&item.ident),
        syn::Item::Type(item) => Some(&item.ident),
        syn::Item::Union(item) => Some(&item.ident),
        _ => None,
    }
}

/// One path of a `use` with all its groups taken apart.
pub struct Leaf {
    pub path: Vec<String>,
    /// The name that it gets; none for `*` and `_`.
    pub name: Option<String>,
    pub is_glob: bool,
    pub line: usize,
}

pub fn leaves(item: &syn::ItemUse) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    add_leaves(&item.tree, &[], &mut leaves);
    leaves
}

fn add_leaves(tree: &syn::UseTree, prefix: &[String], leaves: &mut Vec<Leaf>) {
    let mut add = |ident: &syn::Ident, name: String| {
        // `use a::b::{self}` names `a::b`; `use self::a` keeps its `self`.
        let is_self = ident == "self" && !prefix.is_empty();
        let path = if is_self { prefix.to_vec() } else { [prefix, &[self::name(ident)]].concat() };
        let name = if name == "self" { prefix.last().cloned() } else { Some(name) };
        let name = name.filter(|name| name != "_");
        leaves.push(Leaf { path, name, is_glob: false, line: ident.span().start().line });
    };
    match tree {
        syn::UseTree::Path(tree) => add_leaves(&tree.tree, &[prefix, &[name(&tree.ident)]].concat(), leaves),
        syn::UseTree::Name(tree) => add(&tree.ident, name(&tree.ident)),
        syn::UseTree::Rename(tree) => add(&tree.ident, name(&tree.rename)),
        syn::UseTree::Glob(tree) => {
            let line = tree.star_token.span.start().line;
            leaves.push(Leaf { path: prefix.to_vec(), name: None, is_glob: true, line });
        }
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| add_leaves(tree, prefix, leaves)),
    }
}

/// An identifier without `r#`.
pub fn name(ident: &syn::Ident) -> String {
    ident.unraw().to_string()
}

pub fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

/// The next segment of a path, if `::` and an identifier are at this index.
pub fn segment(tokens: &[TokenTree], at: usize) -> Option<String> {
    match tokens.get(at..at + 3)? {
        [first, second, TokenTree::Ident(ident)] if is_punct(first, ':') && is_punct(second, ':') => Some(name(ident)),
        _ => None,
    }
}
