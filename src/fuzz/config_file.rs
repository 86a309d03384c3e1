//! Fuzzes the parser of AWS's configuration files. A file that is printed and parsed again must be
//! equal to the first one, and every error must have a line.

use std::fmt::Write;

use crate::backend::aws::parse_ini;

/// Parses `data` as a configuration file.
pub fn config_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match parse_ini(text) {
        Err(line) => assert!((1..=text.lines().count()).contains(&line), "line {line}"),
        // If a setting with nested settings is set again to a value, the nested settings stay. Such
        // a section can't be printed.
        Ok(sections)
            if sections.iter().any(|(_, _, section)| {
                let mut outer = section.nested.keys().map(|(outer, _)| outer);
                outer.any(|outer| {
                    section
                        .setting(outer)
                        .is_some_and(|value| !value.is_empty())
                })
            }) => {}
        Ok(sections) => {
            let mut printed = String::new();
            for (_, name, section) in &sections {
                let _ = writeln!(printed, "[{name}]");
                for (key, value) in &section.settings {
                    let _ = writeln!(printed, "{key} = {}", value.replace('\n', "\n "));
                    // Nested settings are indented, and so are the further lines of a value.
                    let below = section.nested.iter().filter(|((outer, _), _)| outer == key);
                    for ((_, name), value) in below {
                        let _ = writeln!(printed, " {name} = {}", value.replace('\n', "\n "));
                    }
                }
            }

            let without_line = |(_, name, section)| (name, section);
            let parsed_again = parse_ini(&printed).unwrap_or_default().into_iter();
            let sections_again = parsed_again.map(without_line);
            assert!(
                sections_again.eq(sections.into_iter().map(without_line)),
                "{printed}"
            );
        }
    }
}
