//! What restic may use up, as the system sees it.

use crate::machine::RESTICS;
use crate::passwords::saving;
use crate::{adding, at, machine};
use std::fs;
use std::process::Command;

#[test]
fn limits_reach_the_process_that_saves() {
    for restic in RESTICS {
        let nas = machine(restic, &[]);
        let limits =
            ["--limit-upload", "300KiB", "--nice", "11", "--io", "idle", "--memory", "1GiB"];
        let more = [&limits[..], &["--gogc", "50", "--compression", "off", "--pack-size", "8MiB"]]
            .concat();
        nas.ask(&adding(&at(&nas, "vault"), &at(&nas, "pass"), &more));
        let noise: Vec<u8> =
            (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        fs::write(at(&nas, "home") + "/large", noise).unwrap();
        let home = at(&nas, "home");
        // The plan's own wins.
        nas.ask(&["plan", "add", "home", "--repo", "vault", "--path", &home, "--nice", "12"]);
        let started = nas.ask(&["plan", "backup", "home", "--no-wait"]);
        let pid = saving(&nas);
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        // proc_pid_stat(5): nice is the 17th after the name.
        let nice = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(16).unwrap();
        assert_eq!(nice, "12", "{stat}");
        let class = Command::new("ionice").args(["-p", &pid.to_string()]).output().unwrap();
        assert_eq!(String::from_utf8(class.stdout).unwrap().trim(), "idle");
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
        let environment = String::from_utf8_lossy(&environment).into_owned();
        assert!(environment.contains("GOMEMLIMIT=1073741824\0"), "{environment}");
        assert!(environment.contains("GOGC=50\0"), "{environment}");
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        let arguments = String::from_utf8_lossy(&arguments).into_owned();
        for option in ["--limit-upload=300", "--compression=off", "--pack-size=8"] {
            assert!(arguments.contains(&format!("\0{option}\0")), "{arguments}");
        }
        let id = started["id"].as_str().unwrap();
        nas.until(&["op", "show", id], |shown| shown.to_string().contains("succeeded"));
    }
}
