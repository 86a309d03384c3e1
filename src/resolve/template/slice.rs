//! `x[start:stop:step]` as Python has it. MiniJinja's own panics when it goes backwards through what is empty.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};
use zeroize::Zeroizing;

use super::LONGEST;
use super::print::refuse;

/// What is sliced, `start`, `stop` and `step`; none is what was left out.
pub(super) fn slice(operands: &[Value]) -> Result<Value, Error> {
    let [value, bounds @ ..] = operands else { return Err(ErrorKind::MissingArgument.into()) };
    let bounds = bounds.iter().map(bound).collect::<Result<Vec<_>, _>>()?;
    let &[start, stop, step] = bounds.as_slice() else { return Err(ErrorKind::MissingArgument.into()) };
    let places = |length| places(length, start, stop, step.unwrap_or(1));
    match (value.kind(), value.as_str()) {
        (_, Some(text)) => {
            let chars: Zeroizing<Vec<char>> = Zeroizing::new(text.chars().collect());
            let mut text = Zeroizing::new(String::with_capacity(text.len()));
            text.extend(places(chars.len())?.filter_map(|at| chars.get(at)));
            Ok(Value::from(text.as_str()))
        }
        (ValueKind::Seq, None) => {
            places(value.len().unwrap_or_default())?.map(|at| value.get_item_by_index(at)).collect()
        }
        (ValueKind::Iterable, None) => {
            let items = value.try_iter()?.checked().take(LONGEST + 1).collect::<Result<Vec<_>, _>>()?;
            Ok(places(items.len())?.filter_map(|at| items.get(at).cloned()).collect())
        }
        (ValueKind::Undefined, None) => Err(ErrorKind::UndefinedError.into()),
        _ => Err(ErrorKind::InvalidOperation.into()),
    }
}

fn bound(value: &Value) -> Result<Option<i64>, Error> {
    match value.kind() {
        ValueKind::None => Ok(None),
        ValueKind::Undefined => Err(ErrorKind::UndefinedError.into()),
        _ => i64::try_from(value.clone()).map(Some).map_err(|error| error.kind().into()),
    }
}

/// The places that are taken, in their order.
fn places(
    length: usize,
    start: Option<i64>,
    stop: Option<i64>,
    step: i64,
) -> Result<impl Iterator<Item = usize>, Error> {
    if length > LONGEST {
        return Err(refuse("a slice of more than a million items"));
    }
    if step == 0 {
        return Err(ErrorKind::InvalidOperation.into());
    }
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let forward = step > 0;
    // Backwards, what is before the first place is where it ends.
    let (lowest, highest) = if forward { (0, length) } else { (-1, length - 1) };
    let place = |bound: i64| (if bound < 0 { bound.saturating_add(length) } else { bound }).clamp(lowest, highest);
    let (first, end) = if forward { (lowest, highest) } else { (highest, lowest) };
    let (first, end) = (start.map_or(first, place), stop.map_or(end, place));
    let is_within = move |at: &i64| if forward { *at < end } else { *at > end };
    let places = std::iter::successors(Some(first), move |at| at.checked_add(step)).take_while(is_within);
    Ok(places.filter_map(|at| usize::try_from(at).ok()))
}
