//! What the kernel says of a process: time on the CPU, memory.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// Time on the CPU of all threads that live, to the nanosecond for those that sleep now.
pub(crate) fn cpu_of(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let spent = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

/// As [`cpu_of`], of this process. The count of a thread is brought up to date when it stops running.
pub(crate) fn cpu() -> Duration {
    std::thread::sleep(Duration::from_millis(1));
    cpu_of(std::process::id())
}

/// Time on the CPU of a process and of its children that have ended, to a hundredth of a second.
pub(crate) fn cpu_with_children(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name is in brackets and may hold anything: what follows the last one counts.
    let fields = text.rsplit_once(") ").map(|(_, rest)| rest).unwrap_or_default();
    let ticks = fields.split(' ').skip(11).take(4).filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// Resident memory and its peak, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    pub(crate) peak: u64,
}

pub(crate) fn memory_of(pid: u32) -> Memory {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    Memory { resident: kib(&text, "VmRSS:") * 1024, peak: kib(&text, "VmHWM:") * 1024 }
}

/// Of the machine: cores and memory, as a sentence.
pub(crate) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let gib = kib(&text, "MemTotal:") as f64 / (1024.0 * 1024.0);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    format!("{cores} cores ({}), {gib:.0} GiB of memory", model.unwrap_or("unknown").trim())
}

fn kib(text: &str, field: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// Bytes of a file and of its write-ahead log.
pub(crate) fn size_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}
