//! AWS's configuration files: what is read is read again from its own printed form, and an error has a line.

use std::fmt::Write;

use crate::backend::aws::parse_ini;

/// `data` is a configuration file.
pub fn config_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match parse_ini(text) {
        Err((line, expected)) => {
            assert!(
                (1..=text.lines().count()).contains(&line) && !expected.is_empty(),
                "line {line}"
            );
        }
        // A setting that is written again, with a value, keeps the settings that were below it, and so has no printed form.
        Ok(sections)
            if sections.iter().any(|(_, _, section)| {
                let mut outer = section.nested.keys().map(|(outer, _)| outer);
                outer.any(|outer| section.get(outer).is_some_and(|value| !value.is_empty()))
            }) => {}
        Ok(sections) => {
            let mut printed = String::new();
            for (_, name, section) in &sections {
                let _ = writeln!(printed, "[{name}]");
                for (key, value) in &section.settings {
                    let _ = writeln!(printed, "{key} = {}", value.replace('\n', "\n "));
                    // Settings below another one are indented, as are further lines of a value.
                    let below = section.nested.iter().filter(|((outer, _), _)| outer == key);
                    for ((_, name), value) in below {
                        let _ = writeln!(printed, " {name} = {}", value.replace('\n', "\n "));
                    }
                }
            }
            let again = parse_ini(&printed).unwrap_or_default();
            let without_line = |(_, name, section)| (name, section);
            let again = again.into_iter().map(without_line);
            assert!(
                again.eq(sections.into_iter().map(without_line)),
                "{printed}"
            );
        }
    }
}
