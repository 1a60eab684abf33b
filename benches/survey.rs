//! Measures what looking over a workspace costs, before a session and after it, on trees of growing size.

#![expect(clippy::print_stdout, reason = "a bench's output")]

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use innkeeper::spawner::survey::{Comparison, Survey, SurveyBounds, SurveyFiles, take};
use innkeeper::spawner::{FoundWorkspace, WorkspacePath};

/// How often each tree is looked over; the median is told.
const ROUNDS: usize = 7;

/// Files of each tree, and files an agent changes in it.
const TREES: [usize; 3] = [1_000, 10_000, 50_000];
const CHANGED: usize = 50;

/// Files of a directory, and the text of each: 2 KiB of lines.
const A_DIRECTORY: usize = 50;
const LINE: &str = "let number = compute(number) + 1; // a line\n";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("| files | before, ms | after, nothing changed, ms | after, {CHANGED} changed, ms |");
    println!("|---|---|---|---|");
    for files in TREES {
        let (directory, kept) = (tempfile::tempdir()?, tempfile::tempdir()?);
        fill(directory.path(), files)?;
        let (mut before, mut after, mut busy) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let bounds = SurveyBounds { kept_bytes: 256 << 20, ..SurveyBounds::default() };
            let (open, files_of) =
                (File::open(directory.path())?, SurveyFiles::new(kept.path().to_owned(), "survey".to_owned()));
            let survey = || take(open.as_fd(), workspace(directory.path()), &files_of, &bounds);
            let quarantine = Comparison { quarantine: true, until: None };
            let compare = || Survey::load(&files_of)?.compare(open.as_fd(), &bounds, quarantine);
            let (taken, time) = timed(survey);
            taken?;
            before.push(time);
            let (changes, time) = timed(compare);
            assert!(changes?.is_empty(), "nobody touched it");
            after.push(time);
            survey()?;
            for number in 0..CHANGED {
                fs::write(path(directory.path(), number * (files / CHANGED)), format!("{round}\n{}", LINE.repeat(50)))?;
            }
            let (changes, time) = timed(compare);
            assert_eq!(changes?.totals.changed, CHANGED as u64);
            busy.push(time);
        }
        println!("| {files} | {} | {} | {} |", median(before), median(after), median(busy));
    }
    Ok(())
}

/// The workspace at a path; what is found there is not compared here.
fn workspace(path: &Path) -> (WorkspacePath, FoundWorkspace) {
    let workspace = WorkspacePath { root: path.to_owned(), relative: "".into() };
    (workspace, FoundWorkspace { uid: 0, gid: 0, device: 0, inode: 0 })
}

fn path(directory: &Path, number: usize) -> std::path::PathBuf {
    directory.join(format!("d{}/f{number}.rs", number / A_DIRECTORY))
}

fn fill(directory: &Path, files: usize) -> std::io::Result<()> {
    for number in 0..files {
        let path = path(directory, number);
        if number % A_DIRECTORY == 0 {
            fs::create_dir_all(directory.join(format!("d{}", number / A_DIRECTORY)))?;
        }
        fs::write(path, LINE.repeat(48))?;
    }
    Ok(())
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let done = work();
    (done, begun.elapsed())
}

fn median(mut times: Vec<Duration>) -> u128 {
    times.sort_unstable();
    times[times.len() / 2].as_millis()
}
