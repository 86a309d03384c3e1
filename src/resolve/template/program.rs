//! A template as MiniJinja's instructions, with our own lookups and operators in the place of its.
//!
//! Its own know neither `1.10` nor `true` (it writes `True`), and take a key of plain text for undefined, which
//! `default` would hide. An instruction is exchanged for one that applies a filter whose name no template can write.

use std::sync::Arc;

use minijinja::machinery::{self, CodeGenerator, Instruction, Instructions};
use minijinja::value::{Rest, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, Value};
use zeroize::Zeroizing;

use super::node::{Literal, Misses, Node};
use super::print::{self, Refusal};
use super::slice::slice;
use crate::template::{self, Template};

/// The filter behind `x[y]`; the one behind `x.y` is `.y`.
const SUBSCRIPT: &str = "[]";
const SLICE: &str = "[:]";
const CONCATENATION: &str = "a~b";
/// The filters behind the operators, which are named as what they calculate.
const OPERATORS: [&str; 15] = [
    "a+b",
    "a-b",
    "a*b",
    "a/b",
    "a//b",
    "a%b",
    "a**b",
    "a==b",
    "a!=b",
    "a<b",
    "a<=b",
    "a>b",
    "a>=b",
    CONCATENATION,
    "-a",
];
/// What most values fit into, so that no copy of them is left behind when the text grows.
const ROOM: usize = 1 << 14;

/// The names of the filters behind `x.y`, for each `y` of the template.
pub(super) fn lookups(template: &Template) -> Vec<String> {
    template.keys().iter().map(|key| format!(".{key}")).collect()
}

/// Defines the filters behind lookups and operators.
pub(super) fn install(environment: &mut Environment<'_>, lookups: &[String], misses: &Arc<Misses>) {
    for lookup in lookups {
        let (key, misses) = (Value::from(&lookup[1..]), misses.clone());
        environment.add_filter(lookup.clone(), move |value: &Value| look_up(value, &key, &misses));
    }
    let misses = misses.clone();
    environment.add_filter(SUBSCRIPT, move |value: &Value, key: &Value| look_up(value, key, &misses));
    environment.add_filter(SLICE, |operands: Rest<Value>| slice(&operands));
    for operator in OPERATORS {
        environment.add_filter(operator, move |state: &State<'_, '_>, operands: Rest<Value>| {
            calculate(state, operator, &operands)
        });
    }
}

/// Renders the template.
pub(super) fn run(
    template: &Template,
    environment: &Environment<'_>,
    lookups: &[String],
    values: Value,
) -> Result<Zeroizing<String>, Error> {
    let (instructions, blocks) = {
        let tree = machinery::parse(template.text(), "", template::syntax())?;
        let mut generator = CodeGenerator::new("", template.text());
        generator.compile_stmt(&tree);
        generator.finish()
    };
    let instructions = exchange(instructions, lookups);
    let mut text = Zeroizing::new(String::with_capacity(ROOM));
    let mut output = machinery::make_string_output(&mut text);
    machinery::eval(environment, &instructions, values, &blocks, &mut output, AutoEscape::None)?;
    if text.len() > super::LONGEST { Err(print::too_long()) } else { Ok(text) }
}

fn exchange<'a>(mut instructions: Instructions<'a>, lookups: &'a [String]) -> Instructions<'a> {
    // A filter is looked up by name when it has no place among the first few.
    let filter = |name, operands| Some(Instruction::ApplyFilter(name, Some(operands), !0));
    for at in 0.. {
        let Some(instruction) = instructions.get_mut(at) else { break };
        let ours = match instruction {
            Instruction::GetAttr(key) => {
                lookups.iter().find(|lookup| lookup[1..] == **key).and_then(|lookup| filter(lookup, 1))
            }
            Instruction::GetItem => filter(SUBSCRIPT, 2),
            Instruction::Slice => filter(SLICE, 4),
            Instruction::Add => filter("a+b", 2),
            Instruction::Sub => filter("a-b", 2),
            Instruction::Mul => filter("a*b", 2),
            Instruction::Div => filter("a/b", 2),
            Instruction::IntDiv => filter("a//b", 2),
            Instruction::Rem => filter("a%b", 2),
            Instruction::Pow => filter("a**b", 2),
            Instruction::Eq => filter("a==b", 2),
            Instruction::Ne => filter("a!=b", 2),
            Instruction::Lt => filter("a<b", 2),
            Instruction::Lte => filter("a<=b", 2),
            Instruction::Gt => filter("a>b", 2),
            Instruction::Gte => filter("a>=b", 2),
            Instruction::StringConcat => filter(CONCATENATION, 2),
            Instruction::Neg => filter("-a", 1),
            _ => None,
        };
        if let Some(ours) = ours {
            *instruction = ours;
        }
    }
    instructions
}

/// What `value` has under `key`; undefined when it has none, an error when it has no keys at all.
fn look_up(value: &Value, key: &Value, misses: &Misses) -> Result<Value, Error> {
    let by_name = key.as_str().is_some();
    let has_keys = match value.kind() {
        ValueKind::Undefined | ValueKind::None => return Err(ErrorKind::UndefinedError.into()),
        ValueKind::Bool | ValueKind::Number | ValueKind::Bytes => false,
        ValueKind::String | ValueKind::Seq => !by_name,
        _ => value.downcast_object_ref::<Literal>().is_none(),
    };
    if !has_keys {
        let refusal = Refusal::NoKeys { key: key.to_string() };
        return Err(Error::from(ErrorKind::InvalidOperation).with_source(refusal));
    }
    let found = value.get_item(key)?;
    // A node notes itself what it does not have.
    if found.is_undefined() && value.downcast_object_ref::<Node>().is_none() {
        misses.note(None);
    }
    Ok(found)
}

/// Lets MiniJinja calculate with operands that it knows.
fn calculate(state: &State<'_, '_>, operator: &'static str, operands: &[Value]) -> Result<Value, Error> {
    let known = |value: &Value| match value.downcast_object_ref::<Literal>() {
        _ if value.is_undefined() => Ok(value.clone()),
        _ if operator == CONCATENATION => print::text(value).map(|text| Value::from(text.as_str())),
        Some(literal) => Ok(Value::from(literal.to_f64())),
        None => Ok(value.clone()),
    };
    let known = operands.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    let result = state
        .env()
        .compile_expression(operator)
        .and_then(|expression| expression.eval(Value::from_pairs(["a", "b"].into_iter().zip(known))));
    match result {
        Ok(value) if value.as_str().is_some_and(|text| text.len() > super::LONGEST) => Err(print::too_long()),
        Ok(value) => Ok(value),
        Err(_) if operands.iter().any(Value::is_undefined) => Err(ErrorKind::UndefinedError.into()),
        // Its line is that of the expression, its text may hold the operands.
        Err(error) => Err(error.kind().into()),
    }
}
