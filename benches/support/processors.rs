//! Whose processor time it was: of the server, of the attackers, of the bench, and of all others (sandboxes and their engine).

use std::time::Instant;

use crate::support::Result;

/// Clock ticks in a second, as the kernel counts for programs.
const TICKS: f64 = 100.0;

/// Seconds of processor time since the start of each.
pub(crate) struct Usage {
    at: Instant,
    server: f64,
    attackers: f64,
    bench: f64,
    all: f64,
}

/// The same between two moments, as shares of one processor.
pub(crate) struct Spent([(&'static str, f64); 4]);

impl Usage {
    /// What has been used until now.
    pub(crate) fn now(server: u32, attackers: Option<u32>) -> Result<Self> {
        let of = |process: &str| -> Result<f64> {
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
            let (_, fields) = stat.rsplit_once(')').ok_or("a process without a name")?;
            // User and system time, which are the 14th and 15th field.
            let times = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
            Ok(times.sum::<std::result::Result<f64, _>>()? / TICKS)
        };
        let machine = std::fs::read_to_string("/proc/stat")?;
        let fields: Vec<f64> =
            machine.lines().next().unwrap_or_default().split_whitespace().skip(1).flat_map(str::parse).collect();
        // All but idle and waiting; guests are in user time already.
        let busy = [0, 1, 2, 5, 6, 7].iter().filter_map(|field| fields.get(*field)).sum::<f64>() / TICKS;
        let attackers = attackers.map_or(Ok(0.0), |pid| of(&pid.to_string()))?;
        Ok(Self { at: Instant::now(), server: of(&server.to_string())?, attackers, bench: of("self")?, all: busy })
    }

    /// What was used since `before`.
    pub(crate) fn since(&self, before: &Self) -> Spent {
        let seconds = self.at.duration_since(before.at).as_secs_f64();
        let [server, attackers, bench, all] = [
            self.server - before.server,
            self.attackers - before.attackers,
            self.bench - before.bench,
            self.all - before.all,
        ]
        .map(|used| used / seconds);
        Spent([
            ("the server", server),
            ("the attackers", attackers),
            ("the honest client and the model", bench),
            ("all else: sandboxes, their engine", all - server - attackers - bench),
        ])
    }
}

impl Spent {
    /// Names, with the shares of this and of `other`.
    pub(crate) fn side_by_side(&self, other: &Self) -> Vec<(&'static str, f64, f64)> {
        self.0.iter().zip(&other.0).map(|((name, mine), (_, theirs))| (*name, *mine, *theirs)).collect()
    }
}
