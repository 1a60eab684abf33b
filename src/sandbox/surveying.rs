//! A survey beside a session: begun while the sandbox is made, done before the agent starts, compared when all is over.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use tokio::task::{JoinHandle, spawn_blocking};

use super::survey::{Survey, SurveyBounds, SurveyError};
use crate::config::Config;
use crate::domain::Changes;

/// A workspace that is being looked over, or was.
#[derive(Debug)]
pub struct Surveying(State);

#[derive(Debug)]
enum State {
    Begun { directory: Arc<OwnedFd>, taking: JoinHandle<Result<Survey, SurveyError>> },
    Taken { directory: Arc<OwnedFd>, survey: Box<Survey> },
    Failed(SurveyError),
}

impl Surveying {
    /// Begins to look over the open `directory`.
    pub(super) fn begin(directory: std::io::Result<OwnedFd>, config: &Config) -> Self {
        let directory = match directory {
            Ok(directory) => Arc::new(directory),
            Err(error) => return Self(State::Failed(SurveyError::Descriptor(error))),
        };
        let (looked_at, bounds) = (Arc::clone(&directory), bounds(config));
        let taking = spawn_blocking(move || Survey::take((*looked_at).as_fd(), &bounds));
        Self(State::Begun { directory, taking })
    }

    /// Returns when the workspace has been looked over: nothing is to change it before. May be called again when it was
    /// dropped.
    pub async fn taken(&mut self) {
        if let State::Begun { directory, taking } = &mut self.0 {
            let taken = taking.await.unwrap_or(Err(SurveyError::Broken));
            let directory = Arc::clone(directory);
            self.0 = match taken {
                Ok(survey) => State::Taken { directory, survey: Box::new(survey) },
                Err(error) => State::Failed(error),
            };
        }
    }

    /// Looks it over again when nothing of the session runs any more, and undoes what is to be undone. Answers nothing when
    /// nobody waited for [`Self::taken`], because then no agent was started.
    pub async fn compare(self, quarantine: bool) -> Option<Result<Changes, SurveyError>> {
        match self.0 {
            State::Begun { .. } => None,
            State::Failed(error) => Some(Err(error)),
            State::Taken { directory, survey } => {
                let comparing = spawn_blocking(move || survey.compare((*directory).as_fd(), quarantine));
                Some(comparing.await.unwrap_or(Err(SurveyError::Broken)))
            }
        }
    }
}

/// The bounds as they are set.
fn bounds(config: &Config) -> SurveyBounds {
    let survey = &config.survey;
    SurveyBounds {
        entries: survey.max_entries,
        depth: survey.max_depth,
        text_bytes: survey.text_bytes,
        executable_bytes: survey.executable_bytes,
        kept_bytes: survey.kept_bytes,
        changes: survey.max_changes,
        diff_bytes: survey.diff_bytes,
        quarantine_bytes: survey.quarantine_bytes,
        ..SurveyBounds::new(config.data_dir.clone())
    }
}
