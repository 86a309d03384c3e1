//! The grammar of AWS's configuration files, in the dialect of botocore, which is that of Python's `configparser`.

use std::collections::BTreeMap;

/// The settings of a section by their names, which are in lower case.
///
/// The key of a nested setting (an indented line below `s3 =`) is the outer name, a line feed and the inner name.
pub type Section = BTreeMap<String, String>;

/// Sections in the order of a file: the number of the line with the name, the name, and the settings.
type Sections<'a> = Vec<(usize, &'a str, Section)>;

/// Returns the sections of a file.
///
/// # Errors
/// The number of a line that is neither a section nor a setting, and what is expected there.
pub fn parse(text: &str) -> Result<Sections<'_>, (usize, &'static str)> {
    let mut sections = Sections::new();
    // The last setting of the section, and the indentation of the last section or setting. A line with more continues the value.
    let (mut last, mut indent) = (None::<String>, 0);
    for (index, line) in text.lines().enumerate() {
        let failure = |expected| (index + 1, expected);
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        let line_indent = line.chars().take_while(|c| c.is_whitespace()).count();
        if let (Some(setting), Some((_, _, section)), true) =
            (&last, sections.last_mut(), line_indent > indent)
        {
            continue_setting(section, setting, content).map_err(failure)?;
            continue;
        }
        indent = line_indent;
        if let Some(header) = content.strip_prefix('[') {
            let (name, _) = header
                .rsplit_once(']')
                .ok_or_else(|| failure("a closing bracket, as in [profile NAME]"))?;
            sections.push((index + 1, name.trim(), Section::default()));
            last = None;
            continue;
        }
        let (_, _, section) = sections
            .last_mut()
            .ok_or_else(|| failure("a section before the first setting, as in [default]"))?;
        let (name, value) = setting(content, &['=', ':']).ok_or_else(|| failure("KEY = VALUE"))?;
        section.insert(name.to_lowercase(), value.to_owned());
        last = Some(name.to_lowercase());
    }
    Ok(sections)
}

/// Adds a line to the value of a setting, or, if that has none on its own line, a setting below it.
fn continue_setting(section: &mut Section, name: &str, content: &str) -> Result<(), &'static str> {
    match section.get_mut(name).filter(|value| !value.is_empty()) {
        Some(value) => {
            value.push('\n');
            value.push_str(content);
        }
        None => {
            let (below, value) = setting(content, &['='])
                .ok_or("KEY = VALUE, since it is indented below a setting without a value")?;
            section.insert(format!("{name}\n{below}"), value.to_owned());
        }
    }
    Ok(())
}

/// Splits `NAME = VALUE`.
fn setting<'a>(content: &'a str, separators: &[char]) -> Option<(&'a str, &'a str)> {
    let (name, value) = content.split_once(separators)?;
    Some((name.trim(), value.trim())).filter(|(name, _)| !name.is_empty())
}
