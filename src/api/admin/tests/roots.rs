//! What may be a root, and how one is made.

use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::Fixture;
use crate::api::admin::CreateTenantError;
use crate::config::Config;
use crate::domain::{By, TenantState};
use crate::spawner::RootError;
use crate::store::StoreError;

fn owner_and_mode(path: &Path) -> (u32, u32, u32) {
    let metadata = path.metadata().unwrap();
    (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777)
}

async fn refusal(fixture: &Fixture, root: impl Into<PathBuf>) -> RootError {
    match fixture.create("refused", &[root.into()]).await {
        Err(CreateTenantError::Root(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_missing_root_is_made_for_the_tenant_alone() {
    let fixture = Fixture::new().await;
    let (root, other) = (fixture.at("roots/acme"), fixture.at("roots/rival"));
    let acme = fixture.create("acme", std::slice::from_ref(&root)).await.unwrap();
    assert_eq!(fixture.store.tenants().find(acme.id).await.unwrap().unwrap().roots[0].path(), root);
    fixture.create("rival", &[other.clone(), fixture.at("roots/more")]).await.unwrap();
    if geteuid().is_root() {
        assert_eq!(owner_and_mode(&root), (20_000, 20_000, 0o750));
        assert_eq!(owner_and_mode(&other), (20_001, 20_001, 0o750));
        assert_eq!(owner_and_mode(&fixture.at("roots/more")), (20_001, 20_001, 0o750));
    } else {
        assert_eq!(owner_and_mode(&root).0, geteuid().as_raw());
    }
}

#[tokio::test]
async fn an_existing_root_is_taken_as_it_is_from_an_ordinary_user_only() {
    let fixture = Fixture::new().await;
    let root = fixture.at("root");
    std::fs::create_dir(&root).unwrap();
    if geteuid().is_root() {
        for (uid, gid) in [(0, 0), (999, 1_000), (1_000, 999)] {
            chown(&root, Some(uid), Some(gid)).unwrap();
            let error = refusal(&fixture, &root).await;
            assert!(matches!(error, RootError::SystemOwner { .. }), "{error:?}");
            assert!(error.to_string().contains("chown -R 20000:20000"), "{error}");
        }
        chown(&root, Some(20_000), Some(20_000)).unwrap();
    }
    let before = owner_and_mode(&root);
    fixture.create("acme", std::slice::from_ref(&root)).await.unwrap();
    assert_eq!(owner_and_mode(&root), before);
    if geteuid().is_root() {
        fixture.create("rival", &[fixture.at("other")]).await.unwrap();
        assert_eq!(owner_and_mode(&fixture.at("other")).0, 20_001, "another tenant's user was used again");
    }
}

#[tokio::test]
async fn what_the_machine_the_server_or_another_tenant_lives_on_is_no_root() {
    let fixture = Fixture::new().await;
    fixture.create("acme", &[fixture.at("roots/acme")]).await.unwrap();
    let beside = fixture.at("roots/acme-2");
    fixture.create("beside", &[beside]).await.unwrap();
    for root in [
        fixture.at("data"),
        fixture.at("data/sandboxes"),
        fixture.base.path().to_owned(),
        fixture.at("roots"),
        fixture.at("roots/acme"),
        fixture.at("roots/acme/inside/deep"),
    ] {
        let error = refusal(&fixture, &root).await;
        assert!(matches!(error, RootError::Overlaps { .. }), "{}: {error:?}", root.display());
    }
    for root in ["/proc", "/proc/self", "/sys/x", "/dev/shm", "/run/x", "/etc", "/etc/x", "/boot/x"] {
        let error = refusal(&fixture, root).await;
        assert!(matches!(error, RootError::Overlaps { .. } | RootError::SymbolicLink { .. }), "{root}: {error:?}");
    }
    assert!(!fixture.at("roots/acme/inside").exists());
}

#[tokio::test]
async fn the_directory_of_the_docker_socket_is_no_root() {
    let mut fixture = Fixture::new().await;
    let mut config = Config::clone(&fixture.config);
    config.engine.endpoint = format!("unix://{}", fixture.at("docker/docker.sock").display());
    fixture.config = config.into();
    assert!(matches!(refusal(&fixture, fixture.at("docker")).await, RootError::Overlaps { .. }));
}

#[tokio::test]
async fn a_way_through_a_link_and_a_file_are_no_roots() {
    let fixture = Fixture::new().await;
    fixture.create("acme", &[fixture.at("acme")]).await.unwrap();
    symlink(fixture.at("acme"), fixture.at("link")).unwrap();
    symlink(fixture.at("nowhere"), fixture.at("dangling")).unwrap();
    std::fs::write(fixture.at("file"), "").unwrap();
    for root in ["link", "link/x"] {
        let error = refusal(&fixture, fixture.at(root)).await;
        assert!(matches!(error, RootError::SymbolicLink { .. }), "{root}: {error:?}");
    }
    assert!(matches!(refusal(&fixture, fixture.at("file")).await, RootError::NotADirectory(_)));
    for root in ["file/x", "dangling", "a\0b"] {
        let error = refusal(&fixture, fixture.at(root)).await;
        assert!(matches!(error, RootError::Unusable { .. }), "{root:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_refused_tenant_leaves_nothing_behind() {
    let fixture = Fixture::new().await;
    fixture.create("acme", &[fixture.at("acme")]).await.unwrap();
    let taken = fixture.create("acme", &[fixture.at("new")]).await.unwrap_err();
    assert!(matches!(taken, CreateTenantError::Store(StoreError::NameTaken { .. })), "{taken:?}");
    assert!(matches!(fixture.create("No", &[fixture.at("new")]).await, Err(CreateTenantError::Name(_))));
    assert!(matches!(fixture.create("rival", &[]).await, Err(CreateTenantError::NoRoots)));
    assert!(matches!(fixture.create("rival", &["new".into()]).await, Err(CreateTenantError::Path(_))));
    let mixed = fixture.create("rival", &[fixture.at("new"), fixture.at("acme/inside")]).await;
    assert!(matches!(mixed, Err(CreateTenantError::Root(_))));
    assert!(!fixture.at("new").exists());
    assert_eq!(fixture.store.tenants().list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_two_tenants_created_at_once_with_one_root_one_gets_it() {
    let fixture = Fixture::new().await;
    let root = [fixture.at("root")];
    let (one, two) = tokio::join!(fixture.create("one", &root), fixture.create("two", &root));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
}

#[tokio::test]
async fn a_root_is_kept_in_its_plain_form_and_once() {
    let fixture = Fixture::new().await;
    let plain = fixture.at("root");
    let doubled = PathBuf::from(format!("{}/", plain.display()).replace('/', "//"));
    let tenant = fixture.create("acme", &[doubled, plain.clone(), fixture.at("./root/.")]).await.unwrap();
    assert_eq!(tenant.roots.iter().map(|root| root.path().to_str()).collect::<Vec<_>>(), [plain.to_str()]);
}

#[tokio::test]
async fn an_archived_tenant_keeps_its_user_while_its_files_are_there() {
    let fixture = Fixture::new().await;
    let root = fixture.at("acme");
    let acme = fixture.create("acme", std::slice::from_ref(&root)).await.unwrap();
    fixture.store.tenants().change_state(acme.id, TenantState::Archived, true, &By::test()).await.unwrap();
    let error = refusal(&fixture, &root).await;
    assert!(error.to_string().contains("archived tenant acme"), "{error}");
    fixture.create("rival", &[fixture.at("rival")]).await.unwrap();
    if geteuid().is_root() {
        assert_eq!(owner_and_mode(&fixture.at("rival")).0, 20_001, "an archived tenant's user was used again");
    }
    std::fs::remove_dir(&root).unwrap();
    fixture.create("heir", &[root]).await.unwrap();
}
