//! A command of the owner as it is run.

use crate::job::Script;
use crate::model::Secret;
use crate::notify::{Context, Settings};
use std::time::Duration;

/// The command of these settings, told of an event by its environment.
pub(super) fn script(settings: &Settings, context: &Context, timeout: Duration) -> Script {
    let told = context.environment().into_iter().map(|(name, value)| (name, Secret::new(value)));
    let own = settings.table("env").into_iter();
    let own = own.map(|(name, value)| (name.to_owned(), Secret::new(value.to_owned())));
    Script { argv: argv(settings), env: told.chain(own).collect(), timeout }
}

fn argv(settings: &Settings) -> Vec<String> {
    let texts = |name: &str| settings.list(name).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let mut shell = texts("shell");
    if let Some(script) = settings.get("script") {
        if shell.is_empty() {
            shell.push("/bin/sh".to_owned());
        }
        shell.extend(["-c".to_owned(), script.to_owned()]);
        return shell;
    }
    if let Some(file) = settings.get("file") {
        shell.push(file.to_owned());
        return shell;
    }
    texts("argv")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Recipient, parse};

    async fn of(command: &str) -> Vec<String> {
        let text =
            format!("instance = \"nas\"\nhook = [{{ on = [\"late\"], command = {command} }}]");
        let config = parse(&text).unwrap();
        let Recipient::Inline(deed) = &config.hooks[0].target else { panic!("an action") };
        argv(&deed.resolve().await.unwrap())
    }

    #[tokio::test]
    async fn a_script_has_a_shell_a_file_runs_itself_and_a_list_has_none() {
        assert_eq!(of("\"echo $X\"").await, ["/bin/sh", "-c", "echo $X"]);
        let bash = of("{ script = \"x\", shell = [\"/bin/bash\", \"-eu\"] }").await;
        assert_eq!(bash, ["/bin/bash", "-eu", "-c", "x"]);
        assert_eq!(of("{ file = \"/opt/x\" }").await, ["/opt/x"]);
        assert_eq!(of("{ file = \"/opt/x\", shell = \"/bin/sh\" }").await, ["/bin/sh", "/opt/x"]);
        assert_eq!(of("{ argv = [\"notify-send\", \"$X\"] }").await, ["notify-send", "$X"]);
    }
}
