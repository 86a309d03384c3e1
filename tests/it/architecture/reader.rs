//! The syntax of one file: the names that its modules define and import, and every path that its code names.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::module::{Mention, Module, ModulePath, Name, Word};
use super::syntax::{Leaf, defined, impl_item_attributes, is_punct, is_test, item_attributes, leaves, name, segment};

/// Collects what a file says.
pub struct Reader {
    pub modules: BTreeMap<ModulePath, Module>,
    pub mentions: Vec<Mention>,
    pub words: Vec<Word>,
    /// Modules that are compiled for tests alone.
    pub tests: Vec<ModulePath>,
    /// The line on which the first test module begins.
    pub first_test_line: Option<usize>,
    module: ModulePath,
    /// Imports of the blocks around, the innermost last.
    scopes: Vec<BTreeMap<String, Vec<String>>>,
}

impl Reader {
    /// A reader of the file of this module.
    pub fn new(module: ModulePath) -> Self {
        Self {
            modules: BTreeMap::from([(module.clone(), Module::default())]),
            mentions: Vec::new(),
            words: Vec::new(),
            tests: Vec::new(),
            first_test_line: None,
            module,
            scopes: Vec::new(),
        }
    }

    pub fn read(&mut self, file: &syn::File) {
        if is_test(&file.attrs) {
            self.tests.push(self.module.clone());
        } else {
            self.visit_file(file);
        }
    }

    fn define(&mut self, name: String, meaning: Name) {
        if self.scopes.is_empty() {
            let module = self.modules.entry(self.module.clone()).or_default();
            module.names.entry(name).or_default().push(meaning);
        }
    }

    fn word(&mut self, text: String, line: usize) {
        self.words.push(Word { text, line });
    }

    fn mention(&mut self, path: Vec<String>, is_global: bool, line: usize) {
        let text = path.join("::");
        let path = match self.scopes.iter().rev().find_map(|scope| scope.get(&path[0])) {
            Some(import) if !is_global => [import.as_slice(), &path[1..]].concat(),
            _ => path,
        };
        self.mentions.push(Mention { module: self.module.clone(), path, is_global, is_glob: false, line, text });
    }

    fn skip(&mut self, item: &syn::Item) {
        if let syn::Item::Mod(item) = item {
            self.tests.push([self.module.as_slice(), &[name(&item.ident)]].concat());
            let line = item.attrs.first().map_or(usize::MAX, |attribute| attribute.pound_token.span.start().line);
            self.first_test_line = Some(self.first_test_line.unwrap_or(line).min(line));
        }
    }

    /// Reads the tokens of a macro or an attribute, which have no syntax of their own.
    fn scan(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Group(group) => self.scan(group.stream()),
                TokenTree::Ident(ident) => {
                    let start = at - 1;
                    let mut path = vec![name(ident)];
                    while let Some(next) = segment(&tokens, at) {
                        path.push(next);
                        at += 3;
                    }
                    self.scanned(&tokens, start, at, path, ident.span().start().line);
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// Notes a path among the tokens of a macro, from index `start` up to `end`.
    fn scanned(&mut self, tokens: &[TokenTree], start: usize, end: usize, path: Vec<String>, line: usize) {
        let is_call = matches!(tokens.get(end), Some(TokenTree::Group(_)));
        let last = path.last().cloned().unwrap_or_default();
        if path == ["async"] {
            self.word(last, line);
        } else if start > 0 && is_punct(&tokens[start - 1], '.') {
            if is_call {
                self.word(format!(".{last}"), line);
            }
        } else {
            if tokens.get(end).is_some_and(|token| is_punct(token, '!')) {
                self.word(format!("{last}!"), line);
            }
            if path.len() > 1 {
                let is_global = start > 0 && is_punct(&tokens[start - 1], ':');
                self.mention(path, is_global, line);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if is_test(item_attributes(item)) {
            self.skip(item);
            return;
        }
        if let Some(ident) = defined(item) {
            self.define(name(ident), Name::Item);
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let Some((_, items)) = &item.content else { return };
        self.module.push(name(&item.ident));
        self.modules.entry(self.module.clone()).or_default();
        for item in items {
            self.visit_item(item);
        }
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        for Leaf { path, name, is_glob, line } in leaves(item) {
            let text = format!("use {}", path.join("::"));
            match name {
                Some(name) => self.define(name, Name::Import(path.clone())),
                None if is_glob && self.scopes.is_empty() => {
                    self.modules.entry(self.module.clone()).or_default().globs.push(path.clone());
                }
                None => {}
            }
            let is_global = item.leading_colon.is_some();
            self.mentions.push(Mention { module: self.module.clone(), path, is_global, is_glob, line, text });
        }
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let mut scope = BTreeMap::new();
        for statement in &block.stmts {
            if let syn::Stmt::Item(syn::Item::Use(item)) = statement {
                let named = leaves(item).into_iter().filter_map(|leaf| Some((leaf.name?, leaf.path)));
                scope.extend(named);
            }
        }
        self.scopes.push(scope);
        visit::visit_block(self, block);
        self.scopes.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| name(&segment.ident)).collect();
        if let Some(first) = path.segments.first() {
            self.mention(segments, path.leading_colon.is_some(), first.ident.span().start().line);
        }
        visit::visit_path(self, path);
    }

    /// `pub(in path)` imports nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if let Some(last) = call.path.segments.last() {
            self.word(format!("{}!", name(&last.ident)), last.ident.span().start().line);
        }
        visit::visit_macro(self, call);
    }

    fn visit_token_stream(&mut self, tokens: &'ast TokenStream) {
        self.scan(tokens.clone());
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.word(format!(".{}", name(&call.method)), call.method.span().start().line);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_async(&mut self, expression: &'ast syn::ExprAsync) {
        self.word("async".to_owned(), expression.async_token.span.start().line);
        visit::visit_expr_async(self, expression);
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        if let Some(token) = &closure.asyncness {
            self.word("async".to_owned(), token.span.start().line);
        }
        visit::visit_expr_closure(self, closure);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if let Some(token) = &signature.asyncness {
            self.word("async".to_owned(), token.span.start().line);
        }
        visit::visit_signature(self, signature);
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        if !is_test(impl_item_attributes(item)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !is_test(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        if !is_test(&variant.attrs) {
            visit::visit_variant(self, variant);
        }
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if !is_test(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if !is_test(&local.attrs) {
            visit::visit_local(self, local);
        }
    }
}
