//! What Docker tells of its containers while a bench runs: when each was created, started and removed.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::Moment;
use crate::support::{Result, eventually};

/// A listener to the engine.
pub(crate) struct DockerEvents {
    heard: Arc<Mutex<Vec<Happened>>>,
    _listening: JoinSet<Result<()>>,
    _process: Child,
}

/// Something that happened to a container.
struct Happened {
    at: Moment,
    what: String,
    container: String,
}

impl DockerEvents {
    /// Begins to listen.
    pub(crate) fn listen() -> Result<Self> {
        let format = "{{.TimeNano}} {{.Action}} {{.Actor.Attributes.name}}";
        let mut process = Command::new("docker")
            .args(["events", "--filter=type=container", "--filter=event=create", "--filter=event=start"])
            .args(["--filter=event=destroy", "--format", format])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(process.stdout.take().ok_or("no output")?).lines();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (mut listening, hearing) = (JoinSet::new(), Arc::clone(&heard));
        listening.spawn(async move {
            while let Some(line) = lines.next_line().await? {
                if let [at, what, container] = line.split_whitespace().collect::<Vec<_>>()[..] {
                    let at = Moment::from_nanos(at.parse()?);
                    let happened = Happened { at, what: what.to_owned(), container: container.to_owned() };
                    hearing.lock().unwrap_or_else(PoisonError::into_inner).push(happened);
                }
            }
            Ok(())
        });
        Ok(Self { heard, _listening: listening, _process: process })
    }

    /// When the container that is called like this was created, started or removed.
    pub(crate) async fn when(&self, what: &str, name: &str) -> Result<Moment> {
        eventually(async || {
            let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(heard.iter().find(|event| event.what == what && event.container.contains(name)).map(|event| event.at))
        })
        .await
    }
}
