//! Commands that a person gives word by word: what of them may reach restic.
//!
//! 1. No word of it chooses another repository, reads a password from elsewhere, runs a program or
//!    sets an option of a backend (X1).
//! 2. No key of the repository and no content of a saved file comes out: what restic prints goes into
//!    the log, which peers may read.
//! 3. What has a command of its own here, writes files of this machine, or asks on a terminal is not
//!    run this way.

/// A command of restic that was looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guarded {
    words: Vec<String>,
    reach: Reach,
}

/// What a command does to the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It reads, beside whatever else runs.
    Reads,
    /// It changes what backups rely on: nothing else runs meanwhile.
    Changes,
}

/// Why a command is not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// There is none.
    #[error(
        "no restic command is given. Write it behind --, as in `holdfast repo run ID -- snapshots`"
    )]
    Nothing,
    /// Not one of those that are run this way.
    #[error("restic {0:?} is not run this way. {1}")]
    Subcommand(String, &'static str),
    /// It would print what is no business of those who read the log.
    #[error(
        "restic cat {0:?} is not run this way: what it prints goes into the log, which peers may read. cat prints {printed} here, named right behind it; run restic itself for the rest",
        printed = CAT.join(", ")
    )]
    Printed(String),
    /// An option that could reach beyond the repo.
    #[error(
        "option {0:?} is not allowed here: repository, password and options of the backend are those of the repo. Leave it out"
    )]
    Option(String),
    /// Short options are not told apart in one word.
    #[error("short options {0:?} could be -r, -p or -o. Write the long ones")]
    Short(String),
    /// Not a text that a process can be given.
    #[error("an argument has a NUL character in it. Leave it out")]
    Nul,
}

const READ: &[&str] = &["cat", "diff", "find", "list", "ls", "snapshots", "stats"];
/// What `cat` may print: neither keys nor the content of files.
const CAT: &[&str] = &["config", "index", "lock", "snapshot", "tree"];
const CHANGE: &[&str] = &[
    "check",
    "forget",
    "migrate",
    "prune",
    "rebuild-index",
    "recover",
    "repair",
    "rewrite",
    "tag",
    "unlock",
];
/// With the command to use instead.
const INSTEAD: &[(&str, &str)] = &[
    ("backup", "Use `holdfast plan backup`, so that the snapshot belongs to a plan"),
    ("restore", "Use `holdfast restore`"),
    ("dump", "Use `holdfast restore`, which writes files"),
    ("init", "Use `holdfast repo init`"),
    ("key", "Run restic itself for keys: it asks for passwords"),
    ("copy", "It would open another repository; run restic itself"),
    ("mount", "It would not end; run restic itself"),
];
/// Long options, without what follows `=`.
const REFUSED: &[&str] = &[
    "--repo",
    "--repository-file",
    "--password-file",
    "--password-command",
    "--insecure-no-password",
    "--option",
    "--key-hint",
    "--cache-dir",
    "--cacert",
    "--tls-client-cert",
    "--help",
];
/// Beginnings of further ones: a second repository, and options of `rewrite` and others that read files.
const REFUSED_BEGINNINGS: &[&str] =
    &["--from-", "--repo2", "--repository-file2", "--password-", "--key-hint2"];

impl Guarded {
    /// Looks through a command, its subcommand first.
    ///
    /// # Errors
    /// It may not be run.
    pub fn new(words: Vec<String>) -> Result<Self, NotAllowed> {
        let subcommand = words.first().ok_or(NotAllowed::Nothing)?;
        let reach = reach(subcommand)?;
        if subcommand == "cat" {
            printed(words.get(1).map_or("", String::as_str))?;
        }
        if words.iter().any(|word| word.contains('\0')) {
            return Err(NotAllowed::Nul);
        }
        // Behind -- there are no options.
        words.iter().skip(1).take_while(|word| *word != "--").try_for_each(|word| option(word))?;
        Ok(Self { words, reach })
    }

    /// What it does to the repository.
    #[must_use]
    pub const fn reach(&self) -> Reach {
        self.reach
    }

    /// The words, for the log.
    #[must_use]
    pub fn text(&self) -> String {
        self.words.join(" ")
    }

    pub(super) fn arguments(&self) -> Vec<String> {
        self.words.clone()
    }
}

fn reach(subcommand: &str) -> Result<Reach, NotAllowed> {
    if READ.contains(&subcommand) {
        return Ok(Reach::Reads);
    }
    if CHANGE.contains(&subcommand) {
        return Ok(Reach::Changes);
    }
    let instead = INSTEAD.iter().find(|(name, _)| *name == subcommand);
    let instead = instead.map_or(
        "Commands are cat, check, diff, find, forget, list, ls, migrate, prune, rebuild-index, \
         recover, repair, rewrite, snapshots, stats, tag and unlock",
        |(_, instead)| instead,
    );
    Err(NotAllowed::Subcommand(subcommand.chars().take(80).collect(), instead))
}

fn printed(object: &str) -> Result<(), NotAllowed> {
    let may = CAT.contains(&object);
    if may { Ok(()) } else { Err(NotAllowed::Printed(object.chars().take(80).collect())) }
}

fn option(word: &str) -> Result<(), NotAllowed> {
    let short = || word.chars().take(80).collect();
    if let Some(letters) = word.strip_prefix('-').filter(|rest| !rest.starts_with('-')) {
        // `-qr/other` is -q and -r: which letters are options and which a value is not for us to say.
        let is_ambiguous = letters.contains(['r', 'p', 'o', 'h']);
        return if is_ambiguous { Err(NotAllowed::Short(short())) } else { Ok(()) };
    }
    let name = word.split('=').next().unwrap_or(word);
    let is_refused =
        REFUSED.contains(&name) || REFUSED_BEGINNINGS.iter().any(|start| name.starts_with(start));
    if is_refused { Err(NotAllowed::Option(short())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guarded(text: &str) -> Result<Guarded, NotAllowed> {
        Guarded::new(text.split(' ').map(str::to_owned).collect())
    }

    #[test]
    fn what_reads_and_what_changes_the_repository() {
        let reach = |text: &str| guarded(text).unwrap().reach();
        assert_eq!(reach("snapshots --json --tag=a"), Reach::Reads);
        assert_eq!(reach("ls latest -l /home -- -r"), Reach::Reads, "behind -- is no option");
        assert_eq!(reach("forget --keep-last 3 -n"), Reach::Changes);
        assert_eq!(guarded("diff ab cd").unwrap().arguments(), ["diff", "ab", "cd"]);
    }

    #[test]
    fn no_key_and_no_content_of_a_file_goes_into_the_log() {
        for bad in
            ["cat masterkey", "cat key ab", "cat blob ab", "cat pack ab", "cat", "cat -- key"]
        {
            assert!(matches!(guarded(bad), Err(NotAllowed::Printed(_))), "{bad}");
        }
        for bad in ["cat --no-lock masterkey", "cat -q masterkey config"] {
            assert!(matches!(guarded(bad), Err(NotAllowed::Printed(_))), "{bad}");
        }
        for good in ["cat config", "cat snapshot ab", "cat tree ab --quiet"] {
            assert!(guarded(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn x1_no_word_reaches_another_repository_or_a_program() {
        for bad in [
            "snapshots -r /other",
            "snapshots -r/other",
            "snapshots -qr/other",
            "snapshots --repo=/other",
            "snapshots --repo /other",
            "snapshots --repository-file=/x",
            "snapshots --password-command=id",
            "snapshots --password-command id",
            "snapshots -p /etc/passwd",
            "snapshots -o sftp.command=id",
            "snapshots -vosftp.command=id",
            "snapshots --option=rclone.program=id",
            "cat config --from-repo /x",
            "cat config --repo2=/x",
            "prune --cache-dir=/etc",
        ] {
            let refused = guarded(bad);
            let is_option = matches!(refused, Err(NotAllowed::Option(_) | NotAllowed::Short(_)));
            assert!(is_option, "{bad}: {refused:?}");
        }
        for bad in ["backup /", "mount /mnt", "self-update", "-r /x snapshots", "copy", ""] {
            assert!(matches!(guarded(bad), Err(NotAllowed::Subcommand(..))), "{bad}");
        }
        assert_eq!(Guarded::new(Vec::new()), Err(NotAllowed::Nothing));
        assert_eq!(guarded("ls a\0b"), Err(NotAllowed::Nul));
    }
}
