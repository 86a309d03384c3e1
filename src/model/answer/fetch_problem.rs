//! Words a failed request as a [`Problem`].
//!
//! The headline and AWS's message come from the [`FetchError`](super::FetchError), and
//! `failed_request` adds the secret and the remedy. AWS's message may quote the name of the secret,
//! so the name is removed from the message if it may be a password.

use super::cause::Cause;
use super::failed_request::FailedRequest;
use super::fetch_error::FetchFailure;
use crate::model::entry::Subject;
use crate::model::problem::{Impact, Problem, Status};
use crate::model::reference::{Aliases, SecretRef};

impl FetchFailure {
    /// Returns the problem for an entry whose request has failed. If the name of the secret may be
    /// a password, no part of the problem shows it. After `--wait`, the failure is temporary,
    /// whatever it is.
    pub fn problem(&self, reference: &SecretRef, subject: &Subject, aliases: &Aliases) -> Problem {
        let request = FailedRequest {
            failure: self,
            reference,
            subject,
            aliases,
            hides_name: self.hides_name(reference),
        };
        let mut problem = (*self.error.problem).clone();
        if let Cause::Absent(missing) = self.error.cause {
            problem.text = request.absence(missing);
        }
        problem.help = request.hint();
        problem.about = request.about();

        let mut shown_subject = subject.clone();
        if request.hides_name {
            shown_subject = subject.without_reference();
            // A denial of AWS's quotes the name.
            let name = reference.locator.written_id();
            problem.aws_says = problem.aws_says.map(|text| text.replace(&name, "…"));
        }
        if request.hides_name && self.local_file.is_none() {
            let note = "the name is not shown, because it may be a password. secrets-exec has already sent it to AWS as the name of a secret, so if it is a password, change it";
            problem.notes.push(note.to_owned());
        }

        problem.notes = [self.region_notes(), problem.notes, self.notes.clone()].concat();
        if let Some(role) = &reference.locator.role {
            problem = problem.note(format!("the secret is read with the role {}", role.arn));
        }
        if let Some(waited) = self.waited {
            let waited = humantime::format_duration(waited);
            problem = problem.note(format!(
                "secrets-exec kept trying for {waited}, because of --wait"
            ));
            problem.status = Status::Temporary;
        }
        problem.for_entry(shown_subject, Impact::Unread)
    }

    /// Returns the notes about the errors in the fallback regions. There aren't any if only one
    /// region was tried.
    fn region_notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let (Some(region), [_, ..]) = (&self.region, self.elsewhere.as_slice()) {
            notes.push(format!("this is the error in the region {region}"));
        }
        for (region, error) in &self.elsewhere {
            notes.push(format!(
                "in the fallback region {region}, {}",
                error.sentence()
            ));
        }
        notes
    }
}
