//! `secrets-exec migrate`: moves the variables of a file into one secret, and prints the declaration that replaces the file.

use std::mem::ManuallyDrop;

use super::long_wait::awaiting;
use super::runtime::run;
use crate::backend::aws::{Aws, Creation, NewSecret, PresentSecret, SecretWriter, Settings};
use crate::deliver::NewFile;
use crate::exec;
use crate::input::env_file::{self, EnvFile};
use crate::model::answer::FetchFailure;
use crate::model::entry::Mode;
use crate::model::inherited::Inherited;
use crate::model::migration::{
    MOST_BYTES, MigrationError, NotMergeable, Operation, Outcome, Setting, Unsuitable, declaration,
};
use crate::model::options::{MigrateOptions, TypedOptions};
use crate::report::{Failure, Report, migration, terminal};
use crate::resolve::{Merged, is_stored, merge};

/// Creates or updates the secret with `--apply`, and prints or writes the declaration.
///
/// # Errors
/// Every reason why the file cannot be moved, or the reason why the secret or the declaration cannot be written. Unless the error says
/// otherwise, nothing is changed then.
pub fn migrate(own: &MigrateOptions, shared: TypedOptions, inherited: &Inherited) -> Result<(), Report> {
    let region = shared.region.clone();
    let access = access(&shared);
    let (options, conflicts) = shared.resolve(inherited);
    let mut report = Report::default();
    report.extend(conflicts, Failure::Options);
    let settings = report.value_of(Settings::new(&options.aws, inherited), Failure::Variable);
    let output = own.output.clone().map(|path| NewFile::find(path, Mode::PUBLIC, "--output")).transpose();
    let output = report.value_of(output, Failure::Deliver);
    let file = report.value_of(awaiting("the file to migrate", || read(own)), Failure::EnvFile);
    let (Some(settings), Some(output), Some(file)) = (settings, output, file) else { return Err(report) };
    report.check()?;
    if !options.quiet {
        terminal::print_lines(migration::file_notices(&own.file, &file.notices));
    }
    let (outcome, read_from) = run(&options, inherited, async |deadline| {
        // Not dropped: the end of the process closes the connections.
        let mut aws = ManuallyDrop::new(Aws::new(settings, deadline));
        let writer = aws.open_secret(&own.secret).await.map_err(Failure::Setup)?;
        let stored = async {
            let writer = writer.map_err(|failure| MigrationError::Request { operation: Operation::Read, failure })?;
            Ok((store(&writer, own, &file.settings).await?, writer.region().clone()))
        };
        stored.await.map_err(|error| Failure::Migration(Box::new((own.secret.clone(), error))).into())
    })?;
    if !outcome.is_new && !options.quiet {
        terminal::print_lines(migration::without_effect(own));
    }
    terminal::print_lines([migration::outcome(&own.secret, Some(&read_from), &outcome, own.apply)]);
    let text = declaration(&own.secret, region.as_ref(), &file.settings);
    finish(own, &text, output).inspect_err(|_| {
        if own.apply {
            terminal::print_lines([migration::not_declared()]);
        }
    })?;
    terminal::print_lines([migration::left_to_do(own, &file.rest, &access)]);
    Ok(())
}

fn read(own: &MigrateOptions) -> Result<EnvFile, Vec<env_file::EnvFileError>> {
    let file = env_file::open(&own.file).map_err(|error| vec![error])?;
    exec::hide_memory();
    env_file::read(&own.file, file, &own.only)
}

/// The options that are given of those that choose an account or a region, and that are not in the declaration.
fn access(options: &TypedOptions) -> Vec<&'static str> {
    let given = [
        ("--profile", options.profile.is_some()),
        ("--role-arn", options.role_arn.is_some()),
        ("--endpoint-url", options.endpoint_url.is_some()),
    ];
    given.into_iter().filter(|(_, is_given)| *is_given).map(|(option, _)| option).collect()
}

/// Writes the declaration, or prints it.
fn finish(own: &MigrateOptions, text: &str, output: Option<NewFile>) -> Result<(), Report> {
    match output.filter(|_| own.apply) {
        Some(file) => {
            let written = file.write(text);
            written.map_err(|errors| errors.into_iter().map(Failure::Deliver).collect::<Report>())?;
        }
        None => terminal::print_whole(text).map_err(Failure::Output)?,
    }
    Ok(())
}

/// Writes the variables to the secret, or finds out what would be written.
async fn store(
    writer: &SecretWriter<'_>,
    own: &MigrateOptions,
    settings: &[Setting],
) -> Result<Outcome, MigrationError> {
    // A role that is limited by ARN may create a secret, but not ask for one that does not exist.
    if own.apply && !own.update {
        return create(writer, own, settings).await?.ok_or_else(|| Unsuitable::Exists.into());
    }
    let mut present = writer.read().await.map_err(failed(Operation::Read))?;
    if present.is_none() {
        if let Some(outcome) = create(writer, own, settings).await? {
            return Ok(outcome);
        }
        // Another program created it since, or AWS's answers lag behind.
        present = writer.read().await.map_err(failed(Operation::Read))?;
    }
    match present {
        None => Err(Unsuitable::Unread.into()),
        Some(_) if !own.update => Err(Unsuitable::Exists.into()),
        Some(present) => update(writer, own, settings, present).await,
    }
}

/// Creates the secret, or finds out what would be created; `None` if it exists.
async fn create(
    writer: &SecretWriter<'_>,
    own: &MigrateOptions,
    settings: &[Setting],
) -> Result<Option<Outcome>, MigrationError> {
    if writer.has_arn() {
        // With `--update`, it was not found.
        return Err(if own.update { Unsuitable::NoSuchArn.into() } else { Unsuitable::ArnWithoutUpdate.into() });
    }
    let merged = checked(merge(None, settings))?;
    let token = token();
    if own.apply {
        let operation = Operation::Create { has_tags: !own.tags.is_empty() };
        let new = NewSecret { kms_key: own.kms_key.as_deref(), tags: &own.tags };
        match writer.create(&merged.text, new, &token).await.map_err(failed(operation))? {
            Creation::Created => read_back(writer, settings, None).await?,
            Creation::Exists => return Ok(None),
        }
    }
    Ok(Some(outcome(merged, true, own.apply.then_some(token))))
}

async fn update(
    writer: &SecretWriter<'_>,
    own: &MigrateOptions,
    settings: &[Setting],
    present: PresentSecret,
) -> Result<Outcome, MigrationError> {
    if present.is_binary {
        return Err(Unsuitable::NotMergeable(NotMergeable::Binary).into());
    }
    let document = present.document.as_ref();
    let merged = checked(merge(document.map(|document| document.body.expose()), settings))?;
    if !merged.changed.is_empty() && !own.overwrite {
        return Err(Unsuitable::OtherValues(merged.changed).into());
    }
    let is_changed = !merged.added.is_empty() || !merged.changed.is_empty();
    let token = (own.apply && is_changed).then(token);
    if let Some(token) = &token {
        writer.put(&merged.text, token).await.map_err(failed(Operation::Put))?;
        read_back(writer, settings, document.and_then(|document| document.version_id.as_deref())).await?;
    }
    Ok(outcome(merged, false, token))
}

/// Compares the secret with the variables.
async fn read_back(
    writer: &SecretWriter<'_>,
    settings: &[Setting],
    previous: Option<&str>,
) -> Result<(), MigrationError> {
    let document = writer.read_back(previous).await.map_err(failed(Operation::ReadBack))?;
    if is_stored(document.body.expose(), settings) { Ok(()) } else { Err(MigrationError::Overtaken) }
}

fn checked(merged: Result<Merged, NotMergeable>) -> Result<Merged, MigrationError> {
    let merged = merged.map_err(Unsuitable::NotMergeable)?;
    if merged.text.len() > MOST_BYTES { Err(Unsuitable::TooLarge(merged.text.len()).into()) } else { Ok(merged) }
}

fn outcome(merged: Merged, is_new: bool, version_id: Option<String>) -> Outcome {
    let Merged { added, changed, unchanged, .. } = merged;
    Outcome { is_new, added, changed, unchanged, version_id }
}

fn failed(operation: Operation) -> impl Fn(FetchFailure) -> MigrationError {
    move |failure| MigrationError::Request { operation, failure }
}

/// Returns a UUID, the form that AWS recommends for a ClientRequestToken.
fn token() -> String {
    let bits = fastrand::u128(..);
    let part = |from: u32, digits: u32| (bits >> from) & ((1 << (4 * digits)) - 1);
    format!("{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}", part(0, 8), part(32, 4), part(48, 3), part(60, 3), part(72, 12))
}
