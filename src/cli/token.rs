//! `holdfast token`.

use super::{Context, Exit, Failure, Output, parse, words};
use crate::api::{CreateTokenRequest, CreatedToken, ListTokensRequest, RevokeTokenRequest, Token};
use crate::clock;
use crate::model::Timestamp;
use crate::pairing::Ttl;

/// Tokens that other machines pair with
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Create(Create),
    /// List all tokens, without their secrets
    #[command(after_help = "Example:\n  holdfast token list")]
    List,
    /// Make a token useless; who paired with it stays paired
    #[command(after_help = "Example:\n  holdfast token revoke laptop")]
    Revoke {
        /// Its id or label
        token: String,
    },
}

/// Make a token; its secret is shown once
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    holdfast token create --label nas --ask 'read-operations=*'\n  \
    holdfast token create --grant receive-shared-repos=repo:vault --ask send-shared-repos \
    --ask 'read-operations=*'")]
pub(crate) struct Create {
    /// What it is for
    #[arg(long, default_value = "")]
    label: String,
    /// How long it may be used: 15m, 1h, 24h, 7d, never
    #[arg(long, default_value = "24h")]
    ttl: Ttl,
    /// How many machines may use it; 0 is unlimited
    #[arg(long, value_name = "N", default_value_t = 1)]
    max_uses: u32,
    /// What they get: PERM[=SCOPE,..]; may be repeated
    #[arg(long, value_name = "GRANT", value_parser = parse::grant)]
    grant: Vec<crate::api::Grant>,
    /// What they are asked for: PERM[=SCOPE,..]; may be repeated
    #[arg(long, value_name = "GRANT", value_parser = parse::grant)]
    ask: Vec<crate::api::Grant>,
    /// Whoever uses it takes over this peer's grants, history and repos; its old key is refused
    #[arg(long, value_name = "PEER")]
    replaces: Option<String>,
    /// How they reach this instance [default: `urls` of the config]; may be repeated
    #[arg(long, value_name = "URL")]
    url: Vec<crate::pairing::PeerUrl>,
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut tokens = context.client().await?.tokens();
        let output = context.output;
        match self {
            Self::Create(create) => {
                let created = tokens.create(create.request()).await?.into_inner();
                output.show(&created, || rendered(&created, clock::now()))?;
            }
            Self::List => {
                let list = tokens.list(ListTokensRequest {}).await?.into_inner().tokens;
                output.show(&list, || listed(output, &list, clock::now()))?;
            }
            Self::Revoke { token } => {
                let revoked = tokens.revoke(RevokeTokenRequest { token }).await?.into_inner();
                output.show(&revoked, || format!("token {} is revoked", name(&revoked)))?;
            }
        }
        Ok(Exit::Done)
    }
}

impl Create {
    fn request(self) -> CreateTokenRequest {
        let ttl_s = match self.ttl {
            Ttl::For(time) => Some(time.as_secs()),
            Ttl::Never => None,
        };
        CreateTokenRequest {
            label: self.label,
            ttl_s,
            max_uses: self.max_uses,
            grants: self.grant,
            asks: self.ask,
            replaces: self.replaces,
            urls: self.url.iter().map(ToString::to_string).collect(),
        }
    }
}

fn name(token: &Token) -> &str {
    token.label.as_ref().unwrap_or(&token.id)
}

fn rendered(token: &CreatedToken, now: Timestamp) -> String {
    let expires = match &token.expires_at {
        Some(at) => format!("expires {}", words::relative(at, now)),
        None => "never expires".to_owned(),
    };
    let uses = match token.max_uses {
        0 => "any number of machines may use it".to_owned(),
        1 => "one machine may use it".to_owned(),
        n => format!("{n} machines may use it"),
    };
    let link = token.link.as_ref().map(|link| format!("\nor with the link:\n\n  {link}\n"));
    format!(
        "On the other machine:\n\n  {}\n{}\n{uses}, {expires}; shown only now.\nit gives  {}\nit asks   {}",
        token.join_command,
        link.unwrap_or_default(),
        words::grants(&token.grants),
        words::grants(&token.asks),
    )
}

fn listed(output: Output, tokens: &[Token], now: Timestamp) -> String {
    if tokens.is_empty() {
        return "no tokens yet: holdfast token create --ask 'read-operations=*'".to_owned();
    }
    let row = |token: &Token| {
        let limit = if token.max_uses == 0 { "∞".to_owned() } else { token.max_uses.to_string() };
        [
            token.id.clone(),
            token.label.clone().unwrap_or_default(),
            words::marked(&token.state, &token.state.replace('-', " ")),
            token.expires_at.as_ref().map_or("never".to_owned(), |at| words::relative(at, now)),
            format!("{} of {limit}", token.uses),
            words::grants(&token.grants),
            words::grants(&token.asks),
        ]
    };
    output.table(
        ["id", "label", "state", "expires", "used", "gives", "asks for"],
        tokens.iter().map(row),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_is_one_line_to_copy() {
        let token = CreatedToken {
            join_command: "holdfast join TOKEN --url https://nas.example".to_owned(),
            max_uses: 1,
            expires_at: Some("2026-11-22T04:00:00.000Z".to_owned()),
            ..CreatedToken::default()
        };
        let now = Timestamp::parse("2026-11-21T04:00:00.000Z").unwrap();
        let text = rendered(&token, now);
        assert!(text.contains("\n  holdfast join TOKEN --url https://nas.example\n"), "{text}");
        assert!(text.contains("one machine may use it, expires in 1 d; shown only now"), "{text}");
        assert!(text.ends_with("it gives  nothing\nit asks   nothing"), "{text}");
    }

    #[test]
    fn no_tokens_says_the_next_step() {
        assert!(listed(Output::plain(), &[], Timestamp::EPOCH).contains("holdfast token create"));
    }
}
