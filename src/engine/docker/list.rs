//! What is there: Docker itself, its images, and the containers and volumes of an installation.

use std::collections::HashMap;

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as State};
use bollard::query_parameters::{ListContainersOptions, ListVolumesOptions, RemoveVolumeOptions};

use super::connection::within;
use super::lifecycle::{CONFLICT, NOT_FOUND, status};
use super::{Docker, labels};
use crate::engine::{EngineError, EngineId, FoundSandbox, Image};

impl Docker {
    /// One line on what answers: the versions a security advisory would name.
    pub(super) async fn description(&self) -> Result<String, EngineError> {
        let version = within(self.limits.inspect, self.client.version())
            .await
            .map_err(|error| EngineError::Describe(self.cause(error)))?;
        let docker = version.version.map(|version| format!("Docker {version}"));
        let parts = version.components.unwrap_or_default().into_iter().filter(|part| part.name != "Engine");
        let parts = parts.map(|part| format!("{} {}", part.name, part.version));
        let kernel = version.kernel_version.map(|version| format!("Linux {version}"));
        Ok(docker.into_iter().chain(parts).chain(kernel).collect::<Vec<_>>().join(", "))
    }

    /// The runtimes in Docker's configuration, in order.
    pub(super) async fn known_runtimes(&self) -> Result<Vec<String>, EngineError> {
        let info = within(self.limits.inspect, self.client.info())
            .await
            .map_err(|error| EngineError::Describe(self.cause(error)))?;
        let mut names: Vec<_> = info.runtimes.unwrap_or_default().into_keys().collect();
        names.sort();
        Ok(names)
    }

    pub(super) async fn image(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        match within(self.limits.inspect, self.client.inspect_image(reference)).await {
            Ok(image) => {
                let labels = image.config.and_then(|config| config.labels).unwrap_or_default();
                Ok(image.id.map(|id| Image { id, labels: labels.into_iter().collect() }))
            }
            Err(error) if status(&error) == Some(NOT_FOUND) => Ok(None),
            Err(error) => Err(EngineError::FindImage(self.cause(error))),
        }
    }

    pub(super) async fn containers(&self, installation: &str) -> Result<Vec<FoundSandbox>, EngineError> {
        let filters = HashMap::from([labels::of_installation(installation)]);
        let options = ListContainersOptions { all: true, filters: Some(filters), ..Default::default() };
        let containers = within(self.limits.list, self.client.list_containers(Some(options))).await;
        let containers = containers.map_err(|error| EngineError::List(self.cause(error)))?;
        Ok(containers.into_iter().filter_map(found).collect())
    }

    /// Removes the volumes of an installation that no container uses, and answers how many there were.
    ///
    /// A volume goes with its container, unless Docker crashed in between and no longer knew that it had no name.
    pub(super) async fn remove_leaked_volumes(&self, installation: &str) -> Result<usize, EngineError> {
        let failed = |error| EngineError::RemoveVolumes(self.cause(error));
        let unused = ("dangling".to_owned(), vec!["true".to_owned()]);
        let filters = HashMap::from([labels::of_installation(installation), unused]);
        let options = ListVolumesOptions { filters: Some(filters) };
        let found = within(self.limits.list, self.client.list_volumes(Some(options))).await;
        let mut removed = 0;
        for volume in found.map_err(failed)?.volumes.unwrap_or_default() {
            let removal = self.client.remove_volume(&volume.name, None::<RemoveVolumeOptions>);
            match within(self.limits.remove, removal).await {
                Ok(()) => removed += 1,
                Err(error) if matches!(status(&error), Some(NOT_FOUND | CONFLICT)) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(removed)
    }
}

fn found(container: ContainerSummary) -> Option<FoundSandbox> {
    Some(FoundSandbox {
        id: EngineId(container.id?),
        labels: container.labels.as_ref().and_then(labels::read),
        // A paused one holds its processes and its memory.
        running: matches!(container.state, Some(State::RUNNING | State::PAUSED | State::STOPPING)),
    })
}
