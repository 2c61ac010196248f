//! What a run may use up, as options, environment and programs before restic.

use super::{Failure, Reason};
use crate::model::{IoClass, Tuning};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Options that any command of restic takes.
pub(super) fn options(tuning: &Tuning) -> Vec<String> {
    let upload = tuning.upload.map(|rate| format!("--limit-upload={}", rate.kib()));
    let download = tuning.download.map(|rate| format!("--limit-download={}", rate.kib()));
    let compression = tuning.compression.map(|how| format!("--compression={how}"));
    let pack_size = tuning.pack_size.map(|size| format!("--pack-size={}", size.mib()));
    [upload, download, compression, pack_size].into_iter().flatten().collect()
}

/// What the runtime of Go, in which restic is written, is told: by variables only.
pub(super) fn environment(tuning: &Tuning) -> Vec<(String, OsString)> {
    let memory = tuning.memory.map(|bytes| ("GOMEMLIMIT".to_owned(), bytes.to_string().into()));
    let gogc = tuning.gogc.map(|percent| ("GOGC".to_owned(), percent.to_string().into()));
    memory.into_iter().chain(gogc).collect()
}

/// The program that gives restic its I/O class and then becomes it: the system call has no safe way
/// from here.
const IONICE: &str = "ionice";

/// The program before restic, with its arguments; nothing where none is needed.
///
/// # Errors
/// One is needed and not there.
pub(super) fn before(tuning: &Tuning, path: Option<&OsStr>) -> Result<Vec<OsString>, Failure> {
    let arguments: &[&str] = match tuning.io {
        None | Some(IoClass::Normal) => return Ok(Vec::new()),
        Some(IoClass::Low) => &["-c", "2", "-n", "7"],
        Some(IoClass::Idle) => &["-c", "3"],
    };
    let is_there = |folder: &Path| folder.join(IONICE).is_file();
    if !path.is_some_and(|path| std::env::split_paths(path).any(|folder| is_there(&folder))) {
        return Err(Failure::new(Reason::NoIonice, ""));
    }
    Ok([IONICE].iter().chain(arguments).map(Into::into).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Compression, PackSize, Rate};

    #[test]
    fn limits_become_options_and_variables() {
        let tuning = Tuning {
            upload: Rate::of_bytes(5 << 20).ok(),
            download: Rate::of_bytes(1 << 20).ok(),
            compression: Some(Compression::Max),
            pack_size: PackSize::of_bytes(64 << 20).ok(),
            memory: Some(1 << 30),
            gogc: Some(20),
            ..Tuning::default()
        };
        assert_eq!(
            options(&tuning),
            ["--limit-upload=5120", "--limit-download=1024", "--compression=max", "--pack-size=64"]
        );
        let expected = [("GOMEMLIMIT", "1073741824"), ("GOGC", "20")];
        let expected = expected.map(|(name, value)| (name.to_owned(), OsString::from(value)));
        assert_eq!(environment(&tuning), expected);
        assert!(
            options(&Tuning::default()).is_empty() && environment(&Tuning::default()).is_empty()
        );
    }

    #[test]
    fn an_io_class_needs_its_program() {
        let idle = Tuning { io: Some(IoClass::Idle), ..Tuning::default() };
        let folder = tempfile::tempdir().unwrap();
        let path = Some(folder.path().as_os_str());
        let missing = before(&idle, path).unwrap_err();
        assert!(missing.to_string().contains("util-linux"), "{missing}");
        assert_eq!(before(&idle, None).unwrap_err().reason, Reason::NoIonice);
        std::fs::write(folder.path().join(IONICE), "").unwrap();
        assert_eq!(before(&idle, path).unwrap(), ["ionice", "-c", "3"]);
        let normal = Tuning { io: Some(IoClass::Normal), ..Tuning::default() };
        assert!(before(&normal, None).unwrap().is_empty());
    }
}
