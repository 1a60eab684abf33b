//! What the kernel knows of a process.

use crate::support::Result;

/// Ticks of the processor's account in a second, the same on every Linux.
const TICKS: f64 = 100.0;

/// A process's memory, in MiB.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// What is resident.
    pub(crate) rss: f64,
    /// The same, with what it shares divided among those who share it.
    pub(crate) pss: f64,
}

/// Seconds of the processor a process has used.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').ok_or("not a process's account")?;
    // User and system time are fields 14 and 15; the name was the second.
    let ticks: Vec<f64> =
        fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<std::result::Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS)
}

/// A process's memory now.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let kib = |file: &str, name: &str| -> Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/{file}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("the kernel does not tell")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
    };
    Ok(Memory { rss: kib("status", "VmRSS:")?, pss: kib("smaps_rollup", "Pss:")? })
}
