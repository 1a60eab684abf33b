//! What of the host a container sees. Always by Docker's mounts API: its older `Binds` make missing directories as
//! root, and read a colon in a path as their own.

use std::collections::HashMap;
use std::path::Path;

use bollard::models::{
    Mount, MountBindOptions, MountBindOptionsPropagationEnum, MountType, MountVolumeOptions,
    MountVolumeOptionsDriverConfig,
};

use super::labels;
use crate::engine::{Labels, SandboxSpec, UnfitSpec, WorkspaceMount};

/// Where a sandbox sees its workspace.
pub(super) const WORKSPACE: &str = "/workspace";

/// Everything `spec` mounts.
pub(super) fn all(spec: &SandboxSpec) -> Result<Vec<Mount>, UnfitSpec> {
    let workspace = match &spec.workspace {
        WorkspaceMount::Descriptor(device) => volume(device, &spec.labels)?,
        WorkspaceMount::Path(source) => bind(source, WORKSPACE, false)?,
    };
    let read_only = spec.mounts.iter().map(|mount| bind(&mount.source, mount.target, true));
    std::iter::once(Ok(workspace)).chain(read_only).collect()
}

/// The workspace as a volume without a name, which goes when its container goes. Unlike the source of a bind, a
/// volume's device is mounted by Docker itself, in the one mount namespace where `/proc/<pid>/fd/<fd>` leads anywhere.
fn volume(device: &Path, owner: &Labels) -> Result<Mount, UnfitSpec> {
    let options = [("type", "none"), ("o", "bind"), ("device", text(device)?)];
    Ok(Mount {
        typ: Some(MountType::VOLUME),
        target: Some(WORKSPACE.to_owned()),
        read_only: Some(false),
        volume_options: Some(MountVolumeOptions {
            // Docker would otherwise copy what the image has there into an empty workspace.
            no_copy: Some(true),
            labels: Some(labels::write(owner)),
            driver_config: Some(MountVolumeOptionsDriverConfig {
                name: Some("local".to_owned()),
                options: Some(HashMap::from(options.map(|(name, value)| (name.to_owned(), value.to_owned())))),
            }),
            ..Default::default()
        }),
        ..Default::default()
    })
}

/// A bind of `source` alone: what is mounted below it on the host is not passed on, not even by a later mount.
fn bind(source: &Path, target: &str, read_only: bool) -> Result<Mount, UnfitSpec> {
    Ok(Mount {
        typ: Some(MountType::BIND),
        source: Some(text(source)?.to_owned()),
        target: Some(target.to_owned()),
        read_only: Some(read_only),
        bind_options: Some(MountBindOptions {
            propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
            non_recursive: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    })
}

fn text(path: &Path) -> Result<&str, UnfitSpec> {
    path.to_str().ok_or_else(|| UnfitSpec::PathNotText(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn a_path_hand_over_is_a_bind_of_that_directory_alone() {
        let mount = bind(Path::new("/srv/acme/a:b"), WORKSPACE, false).unwrap();
        insta::assert_json_snapshot!(mount, @r#"
        {
          "Target": "/workspace",
          "Source": "/srv/acme/a:b",
          "Type": "bind",
          "ReadOnly": false,
          "BindOptions": {
            "Propagation": "rprivate",
            "NonRecursive": true
          }
        }
        "#);
    }

    #[test]
    fn a_path_that_is_not_text_is_refused_rather_than_rewritten() {
        let path = Path::new(OsStr::from_bytes(b"/srv/acme/nu\xff"));
        assert!(matches!(bind(path, WORKSPACE, false), Err(UnfitSpec::PathNotText(refused)) if refused == path));
    }
}
