//! Templates of the owner (minijinja): a context in, a text out, within bounds.

use super::Context;
use minijinja::{Environment, UndefinedBehavior};
use std::io::{self, Write};

/// Steps that a template may take: far more than any message needs.
const FUEL: u64 = 50_000;
/// No rendered text is longer.
pub(super) const MAX_OUTPUT: usize = 64 << 10;

/// Why a template is not one, or was stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(String);

fn environment<'a>() -> Environment<'a> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    // A field that is not there is empty; its fields too, so that `stats.bytes_added` is no trap.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment
}

/// Whether a text is a template: its syntax, and that it renders with an empty context.
///
/// # Errors
/// What is wrong with it.
pub fn check(template: &str) -> Result<(), TemplateError> {
    render(template, &Context::default()).map(drop)
}

/// The text that a template makes of a context.
///
/// # Errors
/// It is no template, takes too long, or makes too much.
pub fn render(template: &str, context: &Context) -> Result<String, TemplateError> {
    let environment = environment();
    let said = |error: minijinja::Error| TemplateError(sentence(&error));
    let template = environment.template_from_str(template).map_err(said)?;
    let mut output = Bounded(Vec::new());
    let context = minijinja::value::Serde(context);
    template.render_captured_to(context, &mut output).map_err(said)?;
    Ok(String::from_utf8_lossy(&output.0).into_owned())
}

fn sentence(error: &minijinja::Error) -> String {
    let line = error.line().map(|line| format!(" in its line {line}")).unwrap_or_default();
    match error.kind() {
        minijinja::ErrorKind::OutOfFuel => {
            format!("the template takes more than {FUEL} steps; make it simpler")
        }
        minijinja::ErrorKind::WriteFailure => {
            format!("the template makes more than {MAX_OUTPUT} bytes; make it shorter")
        }
        kind => {
            let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
            format!("the template has a fault{line}: {kind}{detail}")
        }
    }
}

/// Takes so much and no more.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::Error::other("too much"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::notify::Event;

    fn context() -> Context {
        let mut context = Context::new(Event::BackupFailed, "nas", Timestamp::EPOCH);
        context.plan = Some("home".to_owned());
        context.message = "no \"space\" <left>".to_owned();
        context
    }

    #[test]
    fn a_template_sees_the_fields_of_the_event() {
        let rendered = |template: &str| render(template, &context()).unwrap();
        assert_eq!(rendered("{{ instance }}/{{ plan }}: {{ event }}"), "nas/home: backup-failed");
        assert_eq!(rendered("{% if remedy %}x{% endif %}{{ stats.bytes_added }}"), "");
        assert_eq!(rendered("{{ message }}"), "no \"space\" <left>", "services escape, not we");
        assert_eq!(rendered("{{ message|tojson }}"), r#""no \"space\" \u003cleft\u003e""#);
    }

    #[test]
    fn c2_a_template_reaches_neither_files_nor_the_environment() {
        for template in [
            "{% include '/etc/passwd' %}",
            "{% import 'x' as y %}",
            "{{ env('PATH') }}",
            "{{ getenv('PATH') }}",
        ] {
            assert!(render(template, &context()).is_err(), "{template}");
        }
        assert_eq!(render("{{ PATH }}{{ token }}{{ url }}", &context()).unwrap(), "");
    }

    #[test]
    fn a_template_is_bounded_in_work_and_in_output() {
        let long =
            "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}";
        let error = render(long, &context()).unwrap_err();
        assert!(error.to_string().contains("steps"), "{error}");
        let wide = format!("{{% for a in range(99) %}}{}{{% endfor %}}", "x".repeat(1_000));
        let error = render(&wide, &context()).unwrap_err();
        assert!(error.to_string().contains("bytes"), "{error}");
    }

    #[test]
    fn a_fault_says_where_it_is() {
        let error = check("ok\n{{ message ").unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
