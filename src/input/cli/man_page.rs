//! Generates the man page, `secrets-exec.1`, from clap's definition of the command line and from
//! `man.roff`.

use std::{env, fs, io};

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::command::{MAN_PAGE, with_variables, without_program};

/// The hand-written sections of the man page.
const MAN_SECTIONS: &str = include_str!("man.roff");

/// Generates the man page: first the sections made from clap's definition, and then
/// [`MAN_SECTIONS`].
fn man_page() -> String {
    let mut page = Vec::new();
    let _ = write_generated_sections(&mut page);
    // `\%` keeps man from hyphenating the name of a variable.
    String::from_utf8_lossy(&page).replace("[env: ", "[env: \\%") + MAN_SECTIONS
}

/// Writes the sections of the man page that are made from clap's definition.
fn write_generated_sections(page: &mut Vec<u8>) -> io::Result<()> {
    let mut command = with_variables(without_program());
    command.build();

    let man = Man::new(command.clone())
        .title("SECRETS-EXEC")
        // The date is blank. If it were left out, the other fields of the title would end up in the
        // wrong places.
        .date(" ")
        .manual("User Commands");
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;

    let mut roff = Roff::new();
    roff.control("SH", ["SUBCOMMANDS"])
        .text([roman("The name of a subcommand comes before all options.")]);
    roff.to_writer(page)?;
    for subcommand in command.get_subcommands() {
        write_subcommand(subcommand, page)?;
    }
    Ok(())
}

/// Writes the part of the man page that describes a subcommand.
fn write_subcommand(subcommand: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let usage = subcommand.get_overridden_usage();
    let about = subcommand.get_long_about().or(subcommand.get_about());
    let about_text = about.map(ToString::to_string).unwrap_or_default();

    let mut roff = Roff::new();
    roff.control("SS", [subcommand.get_name()])
        .text([roman(usage.map(ToString::to_string).unwrap_or_default())]);
    for paragraph in about_text.split("\n\n") {
        roff.control("PP", []).text([roman(paragraph)]);
    }
    roff.to_writer(page)?;

    // Options under a heading are left out, because a launch has them, too, and an earlier section
    // of the man page already describes them.
    let without_launch_options = Command::new("").disable_help_flag(true).args(
        subcommand
            .get_arguments()
            .filter(|arg| arg.get_help_heading().is_none() && arg.get_id() != "help"),
    );
    let mut section = Vec::new();
    Man::new(without_launch_options).render_options_section(&mut section)?;
    // All subcommands share one section of the man page, so the heading that clap_mangen puts
    // before their options is removed.
    let options = String::from_utf8_lossy(&section).replace(".SH OPTIONS\n", "");
    page.extend(options.into_bytes());
    Ok(())
}

#[test]
fn the_man_page_is_up_to_date() {
    let page = man_page();
    if env::var_os("BLESS").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/input/cli/secrets-exec.1");
        fs::write(file, &page).unwrap();
    } else {
        assert_eq!(MAN_PAGE, page, "run BLESS=1 cargo test --lib man_page");
    }
}
