//! Where sessions work: in the tenant's directories, as the tenant's user, and nowhere else.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::geteuid;
use serde_json::json;

use crate::harness::{Server, bash, script, tool_results};

#[tokio::test]
async fn what_an_agent_makes_is_the_tenant_s_and_nothing_else_changes() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let before = listing(server.roots.path());
    let prompt = script(&json!({"tools": [
        {"name": "Write", "input": {"file_path": "/workspace/hello.py", "content": "print('hello from', __file__)\n"}},
        {"name": "Bash", "input": {"command": "python3 hello.py"}},
        {"name": "Read", "input": {"file_path": "/workspace/hello.py"}},
    ]}));
    let status = tenant.run_freely(&prompt).await;
    assert_eq!(status["status"], "completed", "{status}");
    let results = tool_results(&status);
    assert_eq!(results[1], "hello from /workspace/hello.py");
    assert!(results[2].contains("print('hello from', __file__)"), "{results:?}");

    let made = std::fs::metadata(tenant.root.join("hello.py")).unwrap();
    let root = std::fs::metadata(&tenant.root).unwrap();
    assert_eq!((made.uid(), made.gid()), (root.uid(), root.gid()));
    assert!(made.uid() >= 1000);
    let mut after = listing(server.roots.path());
    assert!(after.remove("acme/hello.py").is_some());
    assert_eq!(after, before);
    let sandboxes = server.data.path().join("sandboxes");
    crate::harness::eventually(async || listing(&sandboxes).is_empty().then_some(())).await;
}

#[tokio::test]
async fn a_cwd_is_inside_the_tenant_s_roots_or_refused_without_telling_what_is_there() {
    let server = Server::start().await;
    let (tenant, rival) = (server.tenant("acme").await, server.tenant("rival").await);
    std::fs::write(tenant.root.join("file"), "x").unwrap();
    symlink(&rival.root, tenant.root.join("link")).unwrap();
    let outside = "cwd is not inside a directory this tenant may work in";
    let theirs = rival.root.to_str().unwrap();
    for (cwd, reason) in [
        (theirs, outside),
        ("/etc", outside),
        ("/nowhere/at/all", outside),
        ("../rival", outside),
        ("link", "symbolic link"),
        ("link/x", "symbolic link"),
        ("file", "not a directory"),
        ("missing", "does not exist"),
    ] {
        let (status, body) = tenant.execute(&json!({"prompt": "x", "cwd": cwd})).await;
        let detail = body["detail"].as_str().unwrap_or_default();
        assert_eq!(status.as_u16(), 400, "{cwd}: {body}");
        assert!(detail.contains(reason), "{cwd}: {detail}");
        assert!(!detail.contains(theirs), "{detail}");
    }
    assert_eq!(tenant.get("/sessions/").await.1, json!([]), "a refused request left a session");
}

#[tokio::test]
async fn a_cwd_of_any_other_kind_is_refused() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let at = |name: &str| tenant.root.join(name);
    std::fs::create_dir(at("project")).unwrap();
    let owner = tenant.root.metadata().unwrap().uid();
    let _ = std::os::unix::fs::chown(at("project"), Some(owner), Some(owner));
    mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    symlink("/proc/self/root/etc", at("magic")).unwrap();
    symlink("project", at("inner")).unwrap();
    symlink("loop", at("loop")).unwrap();
    let (long, deep) = ("x".repeat(300), "x/".repeat(3_000));
    let mut refused = vec![
        ("pipe", "not a directory"),
        ("socket", "not a directory"),
        ("magic", "symbolic link"),
        ("inner", "symbolic link"),
        ("inner/x", "symbolic link"),
        ("loop", "symbolic link"),
        ("project/../../../etc", "not inside"),
        ("/proc/self/cwd", "not inside"),
        ("/dev/fd/3", "not inside"),
        (&long, "not a path"),
        (&deep, "not a path"),
        ("nul\0", "not a path"),
        ("project\u{fffd}", "does not exist"),
    ];
    // Only root can make what these two are.
    let elsewhere = at("project/elsewhere");
    let mut mounted = None;
    if geteuid().is_root() {
        let null = rustix::fs::makedev(1, 3);
        mknodat(CWD, at("device"), FileType::CharacterDevice, Mode::RWXU, null).unwrap();
        mounted = Some(Mounted::at(&elsewhere));
        refused.extend([("device", "not a directory"), ("project/elsewhere", "not inside")]);
    }
    for (cwd, reason) in refused {
        let (status, body) = tenant.execute(&json!({"prompt": "x", "cwd": cwd})).await;
        assert_eq!(status.as_u16(), 400, "{cwd:?}: {body}");
        assert!(body["detail"].as_str().unwrap_or_default().contains(reason), "{cwd:?}: {body}");
    }
    if mounted.is_some() {
        // Beside its own directory a session does not get what is mounted in it.
        let prompt = bash("ls elsewhere; echo more > elsewhere/more");
        let body = json!({"prompt": prompt, "permission_mode": "bypassPermissions", "cwd": "project"});
        let status = tenant.run(&body).await;
        assert!(!tool_results(&status)[0].contains("theirs"), "{status}");
        assert!(!at("project/elsewhere/more").exists());
    }
}

#[tokio::test]
async fn a_directory_is_worked_in_whatever_its_name() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let owner = tenant.root.metadata().unwrap().uid();
    let mut started = Vec::new();
    for name in ["a:b", "a,b=c", "-v", "two words", "line\nbreak", "\"quoted\"", "ä\u{fffd}", "%2e%2e", "..."] {
        let directory = tenant.root.join(name);
        std::fs::create_dir(&directory).unwrap();
        let _ = std::os::unix::fs::chown(&directory, Some(owner), Some(owner));
        let prompt = bash("echo made > made; pwd");
        let body = json!({"prompt": prompt, "permission_mode": "bypassPermissions", "cwd": name});
        started.push((tenant.start(&body).await, directory));
    }
    for (session, directory) in started {
        let status = tenant.finish(&session).await;
        assert_eq!(tool_results(&status), ["/workspace"], "{directory:?}: {status}");
        assert!(directory.join("made").exists(), "{directory:?}");
    }
}

/// Another filesystem with a file in it, mounted until it is dropped.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn at(path: &'a Path) -> Self {
        std::fs::create_dir(path).unwrap();
        let mounted = std::process::Command::new("mount").args(["-t", "tmpfs", "none"]).arg(path).status().unwrap();
        assert!(mounted.success(), "root cannot mount a tmpfs here");
        std::fs::write(path.join("theirs"), "x").unwrap();
        Self(path)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0).status();
    }
}

#[tokio::test]
async fn a_directory_below_the_root_is_all_a_session_sees() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let project = tenant.root.join("project");
    std::fs::create_dir(&project).unwrap();
    std::fs::write(tenant.root.join("secret"), "x").unwrap();
    let _ = std::os::unix::fs::chown(&project, Some(20_001), Some(20_001));
    for cwd in ["project", project.to_str().unwrap()] {
        let prompt = bash("pwd; ls -A /workspace /workspace/..");
        let body = json!({"prompt": prompt, "permission_mode": "bypassPermissions", "cwd": cwd});
        let results = tool_results(&tenant.run(&body).await);
        assert!(results[0].starts_with("/workspace\n"), "{results:?}");
        assert!(!results[0].contains("secret"), "{results:?}");
    }
}

/// Every path below `directory`, with its owner and its contents' length.
fn listing(directory: &Path) -> BTreeMap<String, (u32, u64)> {
    let mut found = BTreeMap::new();
    let mut left = vec![directory.to_owned()];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            let metadata = entry.path().symlink_metadata().unwrap();
            let name = entry.path().strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
            if metadata.is_dir() {
                left.push(entry.path());
                found.insert(name, (metadata.uid(), 0));
            } else {
                found.insert(name, (metadata.uid(), metadata.len()));
            }
        }
    }
    found
}
