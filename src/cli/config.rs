//! `holdfast config`.

use super::{Context, Exit, Failure};
use crate::api::{Problem, ShowConfigRequest};
use crate::config::{self, Config, Plan};
use std::path::{Path, PathBuf};

/// The config file
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  holdfast config check\n  holdfast config show")]
pub(crate) enum Command {
    /// Check a config file without the daemon; every problem at once
    #[command(after_help = "Example:\n  holdfast config check && sudo systemctl reload holdfast")]
    Check {
        /// Another file than the one in use
        file: Option<PathBuf>,
    },
    /// Show the configuration that is running, without secrets
    #[command(after_help = "Example:\n  holdfast config show")]
    Show,
    /// Print where the config file is
    #[command(after_help = "Example:\n  $EDITOR \"$(holdfast config path)\"")]
    Path,
    ImportBackrest(super::import::Args),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Check { file } => check(context, file.as_ref().unwrap_or(&context.config)),
            Self::Show => show(context).await,
            Self::Path => {
                let path = context.config.display().to_string();
                context.output.show(&serde_json::json!({ "path": path }), || path.clone())?;
                Ok(Exit::Done)
            }
            Self::ImportBackrest(args) => args.run(context).await,
        }
    }
}

fn check(context: &Context, file: &Path) -> Result<Exit, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| Failure::file(file, &error))?;
    let (problems, notes) = match config::parse(&text) {
        Ok(config) => (Vec::new(), notes(&config)),
        Err(problems) => (problems.0.iter().map(said).collect(), Vec::new()),
    };
    let path = file.display().to_string();
    let ok = problems.is_empty();
    let document =
        serde_json::json!({ "path": path, "ok": ok, "problems": problems, "notes": notes });
    context.output.show(&document, || checked(&path, &problems))?;
    notes.iter().for_each(|note| context.output.note(&format!("note: {note}")));
    Ok(if problems.is_empty() { Exit::Done } else { Exit::Failed })
}

/// What is no problem of the file, and may be none at all: only the daemon knows what peers share.
fn notes(config: &Config) -> Vec<String> {
    let elsewhere = config.plans.iter().filter(|plan| config.repo(&plan.repo).is_none());
    let note = |plan: &Plan| {
        format!(
            "plan {}: repo {} is not in this file; it has to be shared by a peer",
            plan.id, plan.repo
        )
    };
    elsewhere.map(note).collect()
}

fn said(problem: &config::Problem) -> Problem {
    let key = match problem.key.as_str() {
        "" => String::new(),
        key => format!("{key}: "),
    };
    let suggestion = problem.suggestion.as_ref().map(|text| format!("; {text}"));
    Problem {
        line: problem.line,
        column: problem.column,
        message: format!("{key}{}{}", problem.message, suggestion.unwrap_or_default()),
    }
}

fn checked(path: &str, problems: &[Problem]) -> String {
    let line = |problem: &Problem| {
        format!("{path}:{}:{}: {}", problem.line, problem.column, problem.message)
    };
    match problems {
        [] => format!("{path} is good"),
        _ => problems.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}

async fn show(context: &Context) -> Result<Exit, Failure> {
    let config = context.client().await?.config().show(ShowConfigRequest {}).await?.into_inner();
    context.output.show(&config, || {
        if config.problems.is_empty() {
            return config.text.clone();
        }
        let problems = checked(&config.path, &config.problems);
        format!(
            "{}\n# The file is newer and not in use:\n# {}",
            config.text,
            problems.replace('\n', "\n# ")
        )
    })?;
    Ok(Exit::Done)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_of_a_text_are_found_at_once() {
        let text = "instance = \"nas\"\nlissten = []\nheartbeat = \"soon\"\n";
        let problems: Vec<_> = config::parse(text).unwrap_err().0.iter().map(said).collect();
        assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [2, 3]);
        assert!(problems[0].message.contains("listen"), "{problems:?}");
    }

    #[test]
    fn a_repo_that_is_not_in_the_file_is_a_note() {
        let text = "instance = \"nas\"\n[[plan]]\nid = \"home\"\nrepo = \"vault\"\n\
                    paths = [\"/home\"]\n";
        let said = notes(&config::parse(text).unwrap());
        assert_eq!(
            said,
            ["plan home: repo vault is not in this file; it has to be shared by a peer"]
        );
        assert!(notes(&config::parse("instance = \"nas\"\n").unwrap()).is_empty());
    }

    #[test]
    fn problems_are_named_by_line_and_column() {
        let problem = Problem { line: 3, column: 7, message: "unknown key".to_owned() };
        assert_eq!(checked("a.toml", &[problem]), "a.toml:3:7: unknown key");
        assert_eq!(checked("a.toml", &[]), "a.toml is good");
    }
}
