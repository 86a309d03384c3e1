//! docs/images.md: its declarations are valid, and so are the options of its ENTRYPOINT lines.

use super::page::Page;
use crate::support::*;

/// The options in an ENTRYPOINT, which is a JSON array on one line.
fn options(line: &str) -> Option<Vec<String>> {
    let words = line.trim_start().strip_prefix("ENTRYPOINT ")?;
    let words: Vec<String> = serde_json::from_str(words).expect(line);
    assert_eq!(words[0], "secrets-exec", "{line}");
    assert!(words.iter().any(|word| word == "--"), "{line}");
    let options = words.into_iter().skip(1).take_while(|word| word != "--");
    Some(options.collect())
}

#[test]
fn the_declarations_and_the_options_of_docs_images_md_are_valid() {
    let text = repository_file("docs/images.md");
    let mut sections = 0;
    for section in text
        .split("\n## ")
        .filter(|section| section.contains("ENTRYPOINT ["))
    {
        let name = section.lines().next().unwrap();
        let declaration = section.split("```yaml\n").nth(1);
        let declaration = declaration.map(|block| block.split("```").next().unwrap());
        // The users of the images don't exist here.
        let declaration = declaration.map(|yaml| {
            let users = ["postgres", "redis", "www-data"];
            users.iter().fold(yaml.to_owned(), |yaml, user| {
                yaml.replace(&format!("owner: {user}"), "owner: \"65534\"")
            })
        });
        for options in section.lines().filter_map(options) {
            let mut sandbox = Sandbox::new().args(["check", "--offline"]).args(&options);
            if let Some(declaration) = &declaration {
                sandbox = sandbox.declaration(declaration);
            }
            if options.is_empty() && declaration.is_none() {
                continue;
            }
            sandbox
                .bare()
                .case(format!("{name}: {options:?}"))
                .run()
                .launched();
        }
        sections += 1;
    }
    assert!(sections > 3, "{sections}");
}

#[test]
fn each_row_of_docs_images_md_says_with_which_version_the_program_was_tried() {
    let page = Page::read("docs/images.md");
    let rows = page.section("Three ways to deliver a value").lines();
    let rows = Vec::from_iter(rows.filter(|line| line.starts_with("| ")).skip(1));
    assert!(rows.len() > 40, "{rows:#?}");
    for row in rows {
        let tried = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let has_a_version = tried.contains(|character: char| character.is_ascii_digit());
        let is_clear = has_a_version || tried == "not run" || tried.contains("without the server");
        assert!(is_clear, "{row}");
    }
}
