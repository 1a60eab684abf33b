//! An engine in memory: its sandboxes run nothing, and end when they are killed or when a test says so.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};

use super::{
    Cause, DiskBound, Engine, EngineError, EngineId, Exit, FoundSandbox, Image, Labels, Limits, ReadOnlyMount,
    SandboxSpec, WorkspaceMount,
};
use crate::domain::Secret;

/// How a sandbox ends that is killed: 128 and the signal.
const KILLED: Exit = Exit { code: 137, out_of_memory: false };

/// What an engine is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`Engine::describe`]
    Describe,
    /// [`Engine::find_image`]
    FindImage,
    /// [`Engine::create`]
    Create,
    /// [`Engine::start`]
    Start,
    /// [`Engine::wait`]
    Wait,
    /// [`Engine::kill`]
    Kill,
    /// [`Engine::remove`]
    Remove,
    /// [`Engine::list`]
    List,
}

/// The engine. Everything it is asked to do takes place at once.
#[derive(Debug)]
pub struct FakeEngine {
    state: Mutex<State>,
    /// Told of every start.
    starts: mpsc::UnboundedSender<(EngineId, SandboxSpec)>,
    /// Where a test waits for starts.
    started: tokio::sync::Mutex<mpsc::UnboundedReceiver<(EngineId, SandboxSpec)>>,
}

#[derive(Debug, Default)]
struct State {
    images: HashMap<String, Image>,
    sandboxes: HashMap<EngineId, Sandbox>,
    /// Numbers the sandboxes, also those that are gone.
    made: usize,
    operations: Vec<Operation>,
    /// What is to fail, one entry for each time.
    to_fail: VecDeque<Operation>,
    /// Whether sandboxes stay although they are killed and removed.
    unkillable: bool,
}

#[derive(Debug)]
struct Sandbox {
    spec: SandboxSpec,
    phase: watch::Sender<Phase>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Created,
    Running,
    Ended(Exit),
}

impl FakeEngine {
    /// An engine without sandboxes, that has `images`, each under its reference.
    pub fn new(images: impl IntoIterator<Item = (String, Image)>) -> Self {
        let (starts, started) = mpsc::unbounded_channel();
        let state = State { images: images.into_iter().collect(), ..State::default() };
        Self { state: Mutex::new(state), starts, started: tokio::sync::Mutex::new(started) }
    }

    /// Makes the next `operation` fail without taking place. Said twice, the next two do.
    pub fn fail_next(&self, operation: Operation) {
        self.state().to_fail.push_back(operation);
    }

    /// From now on, whether sandboxes stay although killing and removing them is said to have worked.
    pub fn set_unkillable(&self, unkillable: bool) {
        self.state().unkillable = unkillable;
    }

    /// Everything that was asked for, in order, what failed included.
    pub fn operations(&self) -> Vec<Operation> {
        self.state().operations.clone()
    }

    /// Waits for the next start: the test then is the shim of that sandbox.
    #[expect(clippy::missing_panics_doc, reason = "the engine holds a sender for as long as this can be called")]
    pub async fn next_start(&self) -> (EngineId, SandboxSpec) {
        self.started.lock().await.recv().await.expect("the engine itself holds a sender")
    }

    /// Ends a running sandbox from within.
    pub fn end(&self, id: &EngineId, exit: Exit) {
        if let Some(sandbox) = self.state().sandboxes.get(id) {
            sandbox.end(exit);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the lock")
    }

    /// Notes `operation`; fails when it is to fail.
    fn begin(&self, operation: Operation) -> Result<MutexGuard<'_, State>, Cause> {
        let mut state = self.state();
        state.operations.push(operation);
        match state.to_fail.iter().position(|&failing| failing == operation) {
            Some(index) => {
                state.to_fail.remove(index);
                Err(Cause::Refused("it was told to fail".into()))
            }
            None => Ok(state),
        }
    }
}

impl Default for FakeEngine {
    fn default() -> Self {
        Self::new([])
    }
}

impl Sandbox {
    fn end(&self, exit: Exit) {
        self.phase.send_if_modified(|phase| {
            let running = *phase == Phase::Running;
            if running {
                *phase = Phase::Ended(exit);
            }
            running
        });
    }
}

#[async_trait]
impl Engine for FakeEngine {
    async fn describe(&self) -> Result<String, EngineError> {
        drop(self.begin(Operation::Describe).map_err(EngineError::Describe)?);
        Ok("an engine in memory".to_owned())
    }

    async fn runtimes(&self) -> Result<Vec<String>, EngineError> {
        drop(self.begin(Operation::Describe).map_err(EngineError::Describe)?);
        Ok(vec!["runc".to_owned()])
    }

    async fn find_image(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        let state = self.begin(Operation::FindImage).map_err(EngineError::FindImage)?;
        Ok(state.images.get(reference).cloned())
    }

    async fn create(&self, spec: &SandboxSpec) -> Result<EngineId, EngineError> {
        let mut state = self.begin(Operation::Create).map_err(EngineError::Create)?;
        state.made += 1;
        let id = EngineId(format!("sandbox-{}", state.made));
        let sandbox = Sandbox { spec: spec.clone(), phase: watch::Sender::new(Phase::Created) };
        state.sandboxes.insert(id.clone(), sandbox);
        Ok(id)
    }

    async fn start(&self, id: &EngineId) -> Result<(), EngineError> {
        let state = self.begin(Operation::Start).map_err(EngineError::Start)?;
        let sandbox = state.sandboxes.get(id).ok_or_else(|| EngineError::Start(gone()))?;
        if *sandbox.phase.borrow() != Phase::Created {
            return Err(EngineError::Start(Cause::Refused("it was started before".into())));
        }
        sandbox.phase.send_replace(Phase::Running);
        self.starts.send((id.clone(), sandbox.spec.clone())).expect("the engine itself holds the receiver");
        Ok(())
    }

    async fn wait(&self, id: &EngineId) -> Result<Exit, EngineError> {
        let mut phase = {
            let state = self.begin(Operation::Wait).map_err(EngineError::Wait)?;
            let sandbox = state.sandboxes.get(id).ok_or_else(|| EngineError::Wait(gone()))?;
            sandbox.phase.subscribe()
        };
        let ended = phase.wait_for(|phase| matches!(phase, Phase::Ended(_))).await;
        match ended.as_deref() {
            Ok(Phase::Ended(exit)) => Ok(*exit),
            _ => Err(EngineError::Wait(gone())),
        }
    }

    async fn kill(&self, id: &EngineId) -> Result<(), EngineError> {
        let state = self.begin(Operation::Kill).map_err(EngineError::Kill)?;
        if let Some(sandbox) = state.sandboxes.get(id).filter(|_| !state.unkillable) {
            sandbox.end(KILLED);
        }
        Ok(())
    }

    async fn remove(&self, id: &EngineId) -> Result<(), EngineError> {
        let mut state = self.begin(Operation::Remove).map_err(EngineError::Remove)?;
        if !state.unkillable
            && let Some(sandbox) = state.sandboxes.remove(id)
        {
            sandbox.end(KILLED);
        }
        Ok(())
    }

    async fn exists(&self, id: &EngineId) -> Result<bool, EngineError> {
        let state = self.begin(Operation::List).map_err(EngineError::List)?;
        Ok(state.sandboxes.contains_key(id))
    }

    async fn list(&self, installation: &str) -> Result<Vec<FoundSandbox>, EngineError> {
        let state = self.begin(Operation::List).map_err(EngineError::List)?;
        let ours = state.sandboxes.iter().filter(|(_, sandbox)| sandbox.spec.labels.installation == installation);
        let found = ours.map(|(id, sandbox)| FoundSandbox {
            id: id.clone(),
            labels: Some(sandbox.spec.labels.clone()),
            running: *sandbox.phase.borrow() == Phase::Running,
        });
        Ok(found.collect())
    }

    async fn remove_remains(&self, _installation: &str) -> Result<usize, EngineError> {
        Ok(0)
    }
}

fn gone() -> Cause {
    Cause::Gone("there is no such sandbox".into())
}

/// A complete spec, with a different value wherever two could be confused.
#[expect(clippy::missing_panics_doc, reason = "the ids are written here, and are ids")]
pub fn sample_spec() -> SandboxSpec {
    SandboxSpec {
        labels: Labels {
            installation: "hotel".to_owned(),
            tenant: "tenant_0192f0a1b2c37d4e8f90a1b2c3d4e5f6".parse().expect("a tenant's id"),
            session: "7c9e6679-7425-40de-944b-e07fc1f90ae7".parse().expect("a session's id"),
            epoch: 3,
        },
        image: "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae".to_owned(),
        uid: 10001,
        gid: 10002,
        env: vec![("INNKEEPER_SHIM_TOKEN".to_owned(), Secret::new("c0ffee"))],
        workspace: WorkspaceMount::Descriptor("/proc/4711/fd/23".into()),
        mounts: vec![ReadOnlyMount { source: "/var/lib/innkeeper/sandboxes/1".into(), target: "/run/innkeeper" }],
        limits: Limits {
            memory_bytes: 2 << 30,
            nano_cpus: 1_500_000_000,
            pids: 512,
            open_files: 8192,
            scratch_bytes: 512 << 20,
            scratch_inodes: 100_000,
        },
        cpu_shares: 256,
        disk: Some(DiskBound { device: "/dev/vda".into(), writes_per_second: 400 }),
        seccomp: r#"{"defaultAction":"SCMP_ACT_ERRNO"}"#.to_owned(),
        runtime: Some("runsc".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn running(engine: &FakeEngine) -> EngineId {
        let id = engine.create(&sample_spec()).await.unwrap();
        engine.start(&id).await.unwrap();
        id
    }

    #[tokio::test]
    async fn a_sandbox_ends_when_it_is_killed_and_is_still_found_until_removed() {
        let engine = FakeEngine::default();
        let id = running(&engine).await;
        assert_eq!(engine.next_start().await.0, id);
        assert!(engine.list("hotel").await.unwrap()[0].running);
        engine.kill(&id).await.unwrap();
        assert_eq!(engine.wait(&id).await.unwrap(), KILLED);
        assert!(!engine.list("hotel").await.unwrap()[0].running);
        assert_eq!(engine.list("motel").await.unwrap(), []);
        engine.remove(&id).await.unwrap();
        assert_eq!(engine.list("hotel").await.unwrap(), []);
    }

    #[tokio::test]
    async fn who_waits_learns_of_an_end_from_within_and_of_a_removal() {
        let engine = FakeEngine::default();
        let (first, second) = (running(&engine).await, running(&engine).await);
        let exit = Exit { code: 98, out_of_memory: true };
        let (ended, ()) = tokio::join!(engine.wait(&first), async { engine.end(&first, exit) });
        assert_eq!(ended.unwrap(), exit);
        let (ended, removed) = tokio::join!(engine.wait(&second), engine.remove(&second));
        assert_eq!((ended.unwrap(), removed.unwrap()), (KILLED, ()));
        assert!(engine.wait(&second).await.unwrap_err().is_gone());
    }

    #[tokio::test]
    async fn what_is_told_to_fail_fails_once_and_does_not_take_place() {
        let engine = FakeEngine::default();
        engine.fail_next(Operation::Create);
        assert!(engine.create(&sample_spec()).await.is_err());
        assert_eq!(engine.list("hotel").await.unwrap(), []);
        assert!(engine.create(&sample_spec()).await.is_ok());
        assert_eq!(engine.operations(), [Operation::Create, Operation::List, Operation::Create]);
    }

    #[tokio::test]
    async fn a_sandbox_is_not_started_twice() {
        let engine = FakeEngine::default();
        let id = running(&engine).await;
        assert!(engine.start(&id).await.is_err());
    }
}
