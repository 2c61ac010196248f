//! What a person has to give for each kind of storage.

use super::super::{Client, Failure, Output};
use crate::api::GetSettingsRequest;
use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt as _;

macro_rules! examples {
    () => {
        "Example:
  holdfast repo add vault rest:https://vault.example/nas --password-file /etc/holdfast/vault.pass
  holdfast repo add disk /mnt/disk/restic --generate-password
  holdfast repo add cloud s3:https://s3.example/nas --env-file cloud.env --generate-password
  holdfast repo add vault --from hub"
    };
}

/// Examples of `repo add`.
pub(super) const EXAMPLES: &str = examples!();

/// What `repo add --help` says of locations and credentials.
pub(super) const HELP: &str = concat!(
    "\
Locations and what they need:
  /srv/restic                     a folder of this machine
  rest:https://HOST[:PORT]/PATH   a REST server: --env RESTIC_REST_USERNAME=… and
                                  --env RESTIC_REST_PASSWORD=…, or rest:https://USER:PASSWORD@HOST/
  sftp:USER@HOST:/PATH            a server with ssh, by the key of the user that runs holdfast; with a
                                  port sftp://USER@HOST:PORT//PATH. Connect once by hand with ssh first
  s3:https://HOST/BUCKET[/PATH]   S3 and what speaks it: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
  b2:BUCKET:PATH                  Backblaze B2: B2_ACCOUNT_ID, B2_ACCOUNT_KEY
  azure:CONTAINER:/PATH           Azure: AZURE_ACCOUNT_NAME, AZURE_ACCOUNT_KEY
  gs:BUCKET:/PATH                 Google: GOOGLE_PROJECT_ID, GOOGLE_APPLICATION_CREDENTIALS (a file)
  swift:CONTAINER:/PATH           OpenStack: OS_AUTH_URL, OS_USERNAME, OS_PASSWORD, …
  rclone:REMOTE:PATH              whatever rclone reaches, by its own configuration

The storage is tried before anything is saved; --no-test saves without. Keep credentials out of the
shell's history: --env NAME reads one from the environment of this shell, --env-file a file of
NAME=VALUE lines. docs/backends.md has an example of each.

",
    examples!()
);

/// What may be asked for: the variable, the question, and whether the answer is hidden.
type Question = (&'static str, &'static str, bool);

const QUESTIONS: &[(&str, &[Question])] = &[
    (
        "rest:",
        &[
            ("RESTIC_REST_USERNAME", "User at the REST server (empty for none):", false),
            ("RESTIC_REST_PASSWORD", "Password of that user:", true),
        ],
    ),
    (
        "s3:",
        &[
            ("AWS_ACCESS_KEY_ID", "Access key id (empty: as the environment has it):", false),
            ("AWS_SECRET_ACCESS_KEY", "Secret access key:", true),
        ],
    ),
    (
        "b2:",
        &[
            ("B2_ACCOUNT_ID", "Key id of the B2 application key:", false),
            ("B2_ACCOUNT_KEY", "The application key:", true),
        ],
    ),
    (
        "azure:",
        &[
            ("AZURE_ACCOUNT_NAME", "Name of the storage account:", false),
            ("AZURE_ACCOUNT_KEY", "Its key:", true),
        ],
    ),
];

/// The questions that a location leaves open.
fn open(uri: &str, env: &[(String, String)]) -> &'static [Question] {
    let names_user = uri.split_once("://").is_some_and(|(_, rest)| {
        rest.split('/').next().is_some_and(|authority| authority.contains('@'))
    });
    let questions = QUESTIONS.iter().find(|(scheme, _)| uri.starts_with(scheme));
    let questions = questions.map_or(&[] as &[Question], |(_, questions)| questions);
    let is_given = |(name, ..): &Question| env.iter().any(|(given, _)| given == name);
    if names_user || questions.iter().any(is_given) { &[] } else { questions }
}

/// Asks for the credentials of the storage where there is somebody to ask; an empty first answer
/// ends it.
pub(super) fn ask(
    output: Output,
    uri: &str,
    env: &mut Vec<(String, String)>,
) -> Result<(), Failure> {
    if !output.is_interactive() {
        return Ok(());
    }
    for (name, question, hidden) in open(uri, env) {
        let answer = match hidden {
            true => output.ask_hidden(question)?.unwrap_or_default(),
            false => output.ask(question)?,
        };
        if answer.is_empty() {
            return Ok(());
        }
        env.push(((*name).to_owned(), answer));
    }
    Ok(())
}

/// Says so where others on this machine can read the config file, which has a password in it now.
pub(super) async fn warn_of_readers(client: &Client, output: Output) {
    // Whoever cannot look is not warned: the repo is added all the same.
    let Ok(settings) = client.settings().get(GetSettingsRequest {}).await else { return };
    let path = settings.into_inner().config_path;
    let readable = |metadata: &Metadata| metadata.permissions().mode() & 0o044 != 0;
    if std::fs::metadata(&path).is_ok_and(|metadata| readable(&metadata)) {
        output.note(&format!(
            "warning: the password is in {path}, which others on this machine can read: chmod 600 {path}"
        ));
    }
}

/// Variables of a file: one `NAME=VALUE` a line, `#` begins a comment line, `export` may stand
/// before, and a value may stand between quotes.
pub(super) fn read_env(path: &str) -> Result<Vec<(String, String)>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::file(std::path::Path::new(path), &error))?;
    let mut env = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.strip_prefix("export ").unwrap_or(line).split_once('=')
        else {
            // Not the line itself: it may hold a secret.
            let message = format!("{path}: line {} is not NAME=VALUE", n + 1);
            return Err(Failure::usage(message, "write one variable a line"));
        };
        env.push((name.trim().to_owned(), unquoted(value.trim()).to_owned()));
    }
    Ok(env)
}

fn unquoted(value: &str) -> &str {
    let between = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    between('"').or_else(|| between('\'')).unwrap_or(value)
}

/// 160 random bits as groups of letters and digits that are not taken for one another.
pub(super) fn new_password() -> Result<String, Failure> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::local("random", format!("no random bytes: {error}"), ""))?;
    let letters: Vec<_> =
        bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_open_is_asked() {
        let names = |uri: &str, env: &[(&str, &str)]| {
            let env: Vec<_> = env.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            open(uri, &env).iter().map(|(name, ..)| *name).collect::<Vec<_>>()
        };
        assert_eq!(names("s3:https://s3.example/b", &[])[0], "AWS_ACCESS_KEY_ID");
        assert!(names("s3:https://s3.example/b", &[("AWS_ACCESS_KEY_ID", "x")]).is_empty());
        assert_eq!(names("rest:https://v.example/nas", &[])[0], "RESTIC_REST_USERNAME");
        assert!(names("rest:https://nas@v.example/nas", &[]).is_empty());
        assert!(names("/srv", &[]).is_empty() && names("sftp:a@b:/c", &[]).is_empty());
    }

    #[test]
    fn a_file_of_variables_is_read_and_its_faults_hold_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("env");
        std::fs::write(&path, "# keys\n\nexport A=1=2\nB = \"x y\"\nC='#'\nD=\n").unwrap();
        let read = read_env(path.to_str().unwrap()).unwrap();
        let pairs: Vec<_> = read.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("A", "1=2"), ("B", "x y"), ("C", "#"), ("D", "")]);
        std::fs::write(&path, "A=1\nhunter2\n").unwrap();
        let said = format!("{:?}", read_env(path.to_str().unwrap()).unwrap_err());
        assert!(said.contains("line 2") && !said.contains("hunter2"), "{said}");
    }

    #[test]
    fn a_new_password_is_long_and_another_each_time() {
        let (one, other) = (new_password().unwrap(), new_password().unwrap());
        assert_eq!((one.len(), one.split('-').count()), (39, 8));
        assert_ne!(one, other);
    }
}
