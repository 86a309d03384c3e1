//! One walk over a template's syntax tree: the names it needs, the keys it asks for, the words it misspells.
//!
//! MiniJinja's own `undeclared_variables` will not do: it passes over the sliced (`db.host[:3]`), the arguments of
//! `{% filter %}` and the right side of `{% set db = db.x %}`, and takes what an `if` sets for undeclared.

use std::collections::BTreeSet;

use minijinja::machinery::ast::{Call, CallArg, Expr, Macro, Spanned, Stmt};

use super::vocabulary::{FILTERS, FUNCTIONS, TESTS, Unknown, known, named_by_argument, unknown};

/// What a template needs.
#[derive(Default)]
pub(super) struct Survey {
    /// The names that the template does not set itself.
    pub(super) names: BTreeSet<String>,
    /// The keys that are written in the template, wherever it looks one up. Any other key comes out of a secret.
    pub(super) keys: BTreeSet<String>,
    /// The lookups that are written out: a name of `names`, then keys.
    pub(super) chains: BTreeSet<Vec<String>>,
}

/// Walks over the whole template.
///
/// # Errors
/// The first filter, test, function, method or statement that a template does not have.
pub(super) fn survey(tree: &Stmt<'_>) -> Result<Survey, Unknown> {
    let mut walk = Walk { scopes: vec![BTreeSet::new()], found: Survey::default() };
    walk.statement(tree)?;
    Ok(walk.found)
}

struct Walk<'a> {
    /// What the template has set so far, innermost scope last.
    scopes: Vec<BTreeSet<&'a str>>,
    found: Survey,
}

impl<'a> Walk<'a> {
    fn statements(&mut self, body: &[Stmt<'a>]) -> Result<(), Unknown> {
        body.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Stmt<'a>) -> Result<(), Unknown> {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::EmitRaw(_) => Ok(()),
            Stmt::ForLoop(each) => {
                self.expression(&each.iter)?;
                self.scope(|walk| {
                    walk.declare("loop");
                    walk.assign(&each.target)?;
                    each.filter_expr.iter().try_for_each(|filter| walk.expression(filter))?;
                    walk.statements(&each.body)
                })?;
                self.scope(|walk| walk.statements(&each.else_body))
            }
            // No scope of its own: what is set inside lives on.
            Stmt::IfCond(condition) => {
                self.expression(&condition.expr)?;
                let before = self.scopes.clone();
                self.statements(&condition.true_body)?;
                let after = std::mem::replace(&mut self.scopes, before);
                self.statements(&condition.false_body)?;
                self.scopes.iter_mut().zip(after).for_each(|(scope, names)| scope.extend(names));
                Ok(())
            }
            Stmt::WithBlock(with) => self.scope(|walk| {
                for (target, expression) in &with.assignments {
                    walk.expression(expression)?;
                    walk.assign(target)?;
                }
                walk.statements(&with.body)
            }),
            Stmt::Set(set) => {
                self.expression(&set.expr)?;
                self.assign(&set.target)
            }
            Stmt::SetBlock(set) => {
                self.statements(&set.body)?;
                set.filter.iter().try_for_each(|filter| self.expression(filter))?;
                self.assign(&set.target)
            }
            Stmt::AutoEscape(escape) => {
                self.expression(&escape.enabled)?;
                self.statements(&escape.body)
            }
            Stmt::FilterBlock(block) => {
                self.statements(&block.body)?;
                self.expression(&block.filter)
            }
            Stmt::Macro(declared) => {
                self.declare(declared.name);
                self.body_of(declared)
            }
            Stmt::CallBlock(block) => {
                self.call(&block.call)?;
                self.body_of(&block.macro_decl)
            }
            Stmt::Do(statement) => self.call(&statement.call),
            // There is no other template to name.
            Stmt::Block(block) => Err(unknown("statement", "block", &[], block.span())),
            Stmt::Extends(extends) => Err(unknown("statement", "extends", &[], extends.span())),
            Stmt::Include(include) => Err(unknown("statement", "include", &[], include.span())),
            Stmt::Import(import) => Err(unknown("statement", "import", &[], import.span())),
            Stmt::FromImport(import) => Err(unknown("statement", "from", &[], import.span())),
        }
    }

    fn body_of(&mut self, declared: &Macro<'a>) -> Result<(), Unknown> {
        self.scope(|walk| {
            walk.declare("caller");
            declared.args.iter().try_for_each(|argument| walk.assign(argument))?;
            declared.defaults.iter().try_for_each(|default| walk.expression(default))?;
            walk.statements(&declared.body)
        })
    }

    fn expression(&mut self, expression: &Expr<'a>) -> Result<(), Unknown> {
        if let Some(chain) = self.chain(expression)
            && chain.len() > 1
        {
            self.found.chains.insert(chain);
        }
        match expression {
            Expr::Var(variable) => {
                if !self.is_declared(variable.id) && !FUNCTIONS.contains(&variable.id) {
                    self.found.names.insert(variable.id.to_owned());
                }
                Ok(())
            }
            Expr::Const(_) => Ok(()),
            Expr::Slice(slice) => {
                let bounds = [&slice.start, &slice.stop, &slice.step];
                self.expression(&slice.expr)?;
                bounds.into_iter().flatten().try_for_each(|bound| self.expression(bound))
            }
            Expr::UnaryOp(unary) => self.expression(&unary.expr),
            Expr::BinOp(binary) => {
                self.expression(&binary.left)?;
                self.expression(&binary.right)
            }
            Expr::Compare(compare) => {
                self.expression(&compare.expr)?;
                compare.ops.iter().try_for_each(|next| self.expression(&next.expr))
            }
            Expr::IfExpr(either) => {
                self.expression(&either.test_expr)?;
                self.expression(&either.true_expr)?;
                either.false_expr.iter().try_for_each(|expression| self.expression(expression))
            }
            Expr::Filter(filter) => {
                known("filter", filter.name, FILTERS, filter.span())?;
                named_by_argument(filter.name, &filter.args)?;
                filter.expr.iter().try_for_each(|expression| self.expression(expression))?;
                self.arguments(&filter.args)
            }
            Expr::Test(test) => {
                known("test", test.name, TESTS, test.span())?;
                self.expression(&test.expr)?;
                self.arguments(&test.args)
            }
            Expr::GetAttr(lookup) => {
                self.found.keys.insert(lookup.name.to_owned());
                self.expression(&lookup.expr)
            }
            Expr::GetItem(lookup) => {
                self.found.keys.extend(literal(&lookup.subscript_expr));
                self.expression(&lookup.expr)?;
                self.expression(&lookup.subscript_expr)
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => list.items.iter().try_for_each(|item| self.expression(item)),
            Expr::Tuple(tuple) => tuple.items.iter().try_for_each(|item| self.expression(item)),
            Expr::Map(map) => map.keys.iter().chain(&map.values).try_for_each(|item| self.expression(item)),
        }
    }

    /// Nothing in a secret can be called, so what is called is a function, or something the template made itself.
    fn call(&mut self, call: &Spanned<Call<'a>>) -> Result<(), Unknown> {
        match &call.expr {
            Expr::Var(function) if !self.is_declared(function.id) => {
                known("function", function.id, FUNCTIONS, function.span())?;
            }
            Expr::GetAttr(method) if self.chain(&call.expr).is_some() => {
                let offset = method.span().end_offset as usize - method.name.len();
                return Err(Unknown { offset, ..unknown("method", method.name, FILTERS, method.span()) });
            }
            callee => self.expression(callee)?,
        }
        self.arguments(&call.args)
    }

    fn arguments(&mut self, arguments: &[CallArg<'a>]) -> Result<(), Unknown> {
        arguments.iter().try_for_each(|argument| match argument {
            CallArg::Pos(value) | CallArg::Kwarg(_, value) | CallArg::PosSplat(value) | CallArg::KwargSplat(value) => {
                self.expression(value)
            }
        })
    }

    /// An undeclared name and the keys that follow it, when all of them are written out.
    fn chain(&self, expression: &Expr<'a>) -> Option<Vec<String>> {
        let (inner, key) = match expression {
            Expr::Var(variable) => return (!self.is_declared(variable.id)).then(|| vec![variable.id.to_owned()]),
            Expr::GetAttr(lookup) => (&lookup.expr, lookup.name.to_owned()),
            Expr::GetItem(lookup) => (&lookup.expr, literal(&lookup.subscript_expr)?),
            _ => return None,
        };
        let mut chain = self.chain(inner)?;
        chain.push(key);
        Some(chain)
    }

    fn scope(&mut self, inside: impl FnOnce(&mut Self) -> Result<(), Unknown>) -> Result<(), Unknown> {
        self.scopes.push(BTreeSet::new());
        let result = inside(self);
        self.scopes.pop();
        result
    }

    fn is_declared(&self, name: &str) -> bool {
        self.scopes.iter().any(|scope| scope.contains(name))
    }

    fn declare(&mut self, name: &'a str) {
        if let Some(innermost) = self.scopes.last_mut() {
            innermost.insert(name);
        }
    }

    fn assign(&mut self, target: &Expr<'a>) -> Result<(), Unknown> {
        match target {
            Expr::Var(variable) => {
                self.declare(variable.id);
                Ok(())
            }
            Expr::List(list) => list.items.iter().try_for_each(|item| self.assign(item)),
            // `{% set namespace.key = … %}` uses the namespace.
            Expr::GetAttr(lookup) => self.expression(&lookup.expr),
            // The parser makes no other target.
            _ => Ok(()),
        }
    }
}

/// A subscript that is written in the template itself.
fn literal(subscript: &Expr<'_>) -> Option<String> {
    match subscript {
        Expr::Const(constant) => Some(constant.value.to_string()),
        _ => None,
    }
}
