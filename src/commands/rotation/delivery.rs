//! The delivery of values to a command that this process stays with: its files and its environment.

use std::path::Path;

use crate::deliver::{DeliverError, Delivery, Files, Written};
use crate::exec::{self, Image, Program};
use crate::model::command_line::CommandLine;
use crate::model::entry::Place;
use crate::model::environment::{Environment, EnvironmentError, Limits, check_variable};
use crate::model::resolved::{FileValue, Resolved, ResolvedVariable};
use crate::model::retention::Retained;
use crate::report::{Failure, Report};
use crate::system::os_error::SpawnError;

/// The inputs of every environment.
#[derive(Clone)]
pub struct Target {
    pub command: CommandLine,
    /// The inherited variables that the command keeps.
    pub retained: Retained,
}

/// Values that are ready for a start of the command: files under temporary names, and the environment.
pub struct Prepared {
    delivery: Delivery,
    environment: Environment,
}

/// The longest path of a file in memory.
const LONGEST_PATH: &str = "/proc/self/fd/1048576";

impl Target {
    /// Returns the reasons why no environment can hold these values.
    pub fn unusable(&self, program: &Path, resolved: &Resolved, limits: Limits) -> Vec<EnvironmentError> {
        let variables = resolved.variables.iter();
        let unusable: Vec<_> = variables.filter_map(|variable| check_variable(variable, limits)).collect();
        if !unusable.is_empty() {
            return unusable;
        }
        let paths = resolved.files.iter().filter_map(|file| Some((file.target.env.as_ref()?, path(file))));
        let environment = Environment::new(self.retained.clone(), &resolved.variables, paths);
        environment.check(&self.command, program, limits).err().into_iter().collect()
    }

    /// Writes the files under temporary names, and makes the environment. The program is looked up, the environment checked and the files
    /// renamed in [`Self::start`].
    ///
    /// # Errors
    /// Every file that cannot be written.
    pub fn prepare(&self, variables: &[ResolvedVariable], files: Files) -> Result<Prepared, Report> {
        let delivery = Delivery::stage(files).map_err(of_files)?;
        let environment = Environment::new(self.retained.clone(), variables, delivery.variables());
        Ok(Prepared { delivery, environment })
    }

    /// Puts the files in place, notes them in `written`, and calls `spawn` with the program and its environment. Returns those that the
    /// start before had written and that cannot be removed.
    ///
    /// # Errors
    /// Every reason why the command is not started.
    pub fn start(
        &self,
        program: &Program,
        Prepared { mut delivery, environment }: Prepared,
        written: &mut Written,
        spawn: impl FnMut(&mut Image<'_>) -> Result<(), SpawnError>,
    ) -> Result<Vec<DeliverError>, Report> {
        environment.check(&self.command, program.as_path(), exec::limits()).map_err(Failure::Environment)?;
        let remains = place(&mut delivery, written)?;
        let started = exec::start(program, &self.command, &environment, delivery.descriptors().collect(), spawn);
        started.map_err(|error| Failure::Exec { program: program.as_path().to_owned(), error })?;
        Ok(remains)
    }
}

/// Replaces the files that have a path while the command runs, and notes them in `written`. Returns those of before that cannot be
/// removed.
///
/// # Errors
/// Every file that cannot be replaced.
pub fn replace(files: Vec<FileValue>, written: &mut Written) -> Result<Vec<DeliverError>, Report> {
    let files = files.into_iter().filter(|file| matches!(file.target.place, Place::Path(_))).collect();
    place(&mut Delivery::stage(Files::find(files)).map_err(of_files)?, written)
}

fn place(delivery: &mut Delivery, written: &mut Written) -> Result<Vec<DeliverError>, Report> {
    delivery.place().map_err(of_files)?;
    Ok(written.replace(Written::keep(delivery).map_err(of_files)?))
}

fn of_files(errors: Vec<DeliverError>) -> Report {
    errors.into_iter().map(Failure::Deliver).collect()
}

fn path(file: &FileValue) -> &Path {
    match &file.target.place {
        Place::Path(path) => path,
        Place::Memory => Path::new(LONGEST_PATH),
    }
}
